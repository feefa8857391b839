"""Whatever a text repeats, reading it takes time in proportion to its length: one text must not stop a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product

import pytest

from swift_thyme import protocol
from swift_thyme.config import Convention
from swift_thyme.errors import JudgeUnparsable
from swift_thyme.infer.events import TextSplitter
from swift_thyme.rewards.format import is_well_formed
from swift_thyme.rewards.judge.replies import read_verdict
from swift_thyme.rewards.prompts import Scale
from swift_thyme.rewards.trajectory import thinking_tail
from swift_thyme.trajectories import question_of

Reader = Callable[[str], object]
SMALL, FACTOR = 2_000, 8
"""Characters of the shorter text, and how many times longer the other one is."""
MOST_GROWTH = 3 * FACTOR
"""A quadratic reader would take `FACTOR ** 2` times as long."""
NOISE_S = 0.02

USER_PREFIXES = (
    '',
    'user',
    'user image',
    'user image 1',
    'user image file',
    'user image path',
    'User Image Path: ',
    'User Image Path: "',
    'User Image Path: [',
    'User Image Path: []( ',
    'User Image Path: [a](<',
    'user image size',
    'User Image Size: 1',
    'User Image Size: "',
)
USER_UNITS = (
    *(' ', '_', '\n', '\t', '1', '#1', '*', '"', "'", '“', '“‘', '<', '«', '`', '(', ')', '[', ']', '[](', '<>', '> '),
    *('\\"', '\\', '/', '.', '.,;', 'a.png', '"a.png", ', '" ', 'x', 'user ', 'user image ', 'User Image Path: '),
    *('User Image Path: "a.png"\nUser Image Size: "1x1"\n', 'User Image Size: ', '<|', '<|a', '<image', '<image>', 'é'),
)
USER_SUFFIXES = ('x', '">')
USER_READERS: dict[str, Reader] = {
    'paths': protocol.prompt_image_paths,
    'sizes': protocol.prompt_image_sizes,
    'neutralize_prompt': protocol.neutralize_prompt,
    'render': protocol.render_user_prompt,
    'question_of': lambda text: question_of([{'role': 'user', 'content': text + '\nUser Image Path: "a.png"'}]),
}

MODEL_PREFIXES = ('', '<think>', '<code>', '<code>\n```python\n', '"""', '\u00a0"', '```', '\u00a0```\n"""')
MODEL_UNITS = (
    *(' ', '\n', 'a', '`', '```', '```\n', '``` ', '~~~\n', '"', "'", '"""', '\\"""', '\\"', '\\', "'''", '"""\n"""\n'),
    *('#', '# """\n', '"\\', '\u00a0', '\ufeff', '<', '</', '<code', '<code>', '</code>', '<code></code>', '<answer>'),
    *(
        '<think>',
        '</think>',
        '</think> <answer>',
        '</answer>',
        '<sandbox_output>',
        '<image>',
        '<|im_end|>',
        '<|im_end|> ',
    ),
    *('<|a', '\0', '{"a":', '<<image>', '><'),
)
MODEL_SUFFIXES = ('x', '\n```\n</code>')
MODEL_READERS: dict[str, Reader] = {
    'segments': protocol.segments,
    'code_blocks': protocol.code_blocks,
    'code_at_end': protocol.code_at_end,
    'opens_code': protocol.opens_code,
    'has_made_up_output': protocol.has_made_up_output,
    'answer_of': protocol.answer_of,
    'neutralize': lambda text: protocol.neutralize(text, ('[SEP]', '<|im_end|>')),
    'strip_fence': protocol.strip_fence,
    'well formed': is_well_formed,
    'well formed, release': lambda text: is_well_formed(text, Convention.RELEASE),
    'thinking_tail': thinking_tail,
}

REPLY_UNITS = (
    *(' ', '\n', '\t', '<think>', '<reasoning>', '</think>', '◁think▷', '{', '}', '{}', '{"a":', '{"a":1}', '[', '"'),
    *(
        'Score',
        'Score: ',
        'Score: 1',
        'Score: 1\n',
        'Score: 1, ',
        ', ',
        '; ',
        '*',
        'the ',
        'final ',
        '{a:',
        ': true',
        '1',
    ),
)


def cpu_s(read: Reader, text: str) -> float:
    """The least processor time of three readings, seconds."""
    times = []
    for _ in range(3):
        start = time.process_time()
        read(text)
        times.append(time.process_time() - start)
        if times[-1] < NOISE_S:
            break
    return min(times)


def slow_texts(readers: dict[str, Reader], texts: Iterator[tuple[str, str, str]]) -> list[str]:
    """What grows faster than its text, in words."""
    found = []
    for before, unit, after in texts:
        small, large = (before + unit * (n // len(unit)) + after for n in (SMALL, SMALL * FACTOR))
        for name, read in readers.items():
            long_s = cpu_s(read, large)
            if long_s > NOISE_S and long_s > MOST_GROWTH * (short_s := cpu_s(read, small)) + NOISE_S:
                found.append(f'{name}: {before!r} + {unit!r}… + {after!r}: {short_s:.4f} s, {long_s:.4f} s')
    return found


@pytest.mark.parametrize('before', USER_PREFIXES)
def test_reading_a_users_words_is_linear(before: str) -> None:
    texts = ((before, unit, after) for unit, after in product(USER_UNITS, USER_SUFFIXES))
    assert slow_texts(USER_READERS, texts) == []


@pytest.mark.parametrize('before', MODEL_PREFIXES)
def test_reading_a_models_words_is_linear(before: str) -> None:
    texts = ((before, unit, after) for unit, after in product(MODEL_UNITS, MODEL_SUFFIXES))
    assert slow_texts(MODEL_READERS, texts) == []


def test_reading_a_judges_words_is_linear() -> None:
    scale = Scale(('Score',), 0, 1)

    def read(text: str) -> None:
        with suppress(JudgeUnparsable):
            read_verdict(text, scale)

    assert slow_texts({'verdict': read}, product(('', 'Score: 1', '{'), REPLY_UNITS, ('x', '}'))) == []


def test_splitting_a_stream_is_linear_in_its_pieces() -> None:
    def split(text: str) -> None:
        splitter = TextSplitter()
        for start in range(0, len(text), 4):
            splitter.feed(text[start : start + 4])

    assert slow_texts({'splitter': split}, product(('', '<code>'), ('a', '<', '<code>1</code>'), ('',))) == []
