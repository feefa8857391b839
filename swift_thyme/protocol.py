"""The protocol of a think-with-images trajectory: tags, prompts, parsing, rendering.

Owns every spelling: this is the only file that writes a tag out, and training, rewards, serving and evaluation
import it from here. It knows nothing of token ids (see `spans`, `host.template`) nor of how code runs (see `sandbox`).

One assistant turn holds a whole trajectory::

    <think> reasoning <code>
    ```python
    …
    ```
    </code><sandbox_output><image></sandbox_output> more reasoning </think>
    <answer> final answer </answer>

Paper: §2 and Tables 1–2. Differs from the release: one parser instead of four copies of a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .fences import strip_fence as strip_fence
from .types import SandboxResult, Segment, SegmentKind

CODE_OPEN, CODE_CLOSE = '<code>', '</code>'
SANDBOX_OPEN, SANDBOX_CLOSE = '<sandbox_output>', '</sandbox_output>'
THINK_OPEN, THINK_CLOSE = '<think>', '</think>'
ANSWER_OPEN, ANSWER_CLOSE = '<answer>', '</answer>'
IMAGE_TAG = '<image>'
"""The host's placeholder for one picture in a message."""

STOP_STRINGS = (CODE_CLOSE, ANSWER_CLOSE)
"""Where a generation ends: run the code, or finish. The end-of-turn token is the template's own."""

MAX_TAIL_CHARS = 16
"""Longest text after `</code>` that one token can carry, characters."""

SYSTEM_PROMPT = (
    'You are a helpful assistant. Solve the problem step by step.\n\n'
    'While you reason you may, and are encouraged to, write Python code that helps you: to process the image (crop a '
    'region of interest, resize or zoom, rotate, change the contrast) or to calculate. The code is executed by an '
    'external sandbox, and its result comes back to you wrapped in <sandbox_output></sandbox_output>; use it to go '
    'on.\n\n'
    'Rules for code:\n'
    '- Wrap every snippet like this:\n<code>\n```python\n# your code\n```\n</code>\n'
    '- At its end, print the path of the processed image (`processed_path`) or the result of the calculation, so that '
    'the sandbox can return it.'
)
"""Paper: Table 1 (its content; the wording is ours). Rows that carry their own system message keep it."""

USER_PROMPT = (
    '{images}{question}\n\n{image_lines}'
    '### Output Format (strict adherence required):\n'
    '<think>Your detailed reasoning, including any code, goes here.</think>\n'
    '<answer>Your final answer to the question goes here.</answer>'
)
"""Paper: Table 2."""

SYSTEM_PROMPT_PLAIN = 'You are a helpful assistant. Solve the problem step by step.'
USER_PROMPT_PLAIN = (
    '{images}{question}\n\n'
    '### Output Format (strict adherence required):\n'
    '<think>Your detailed reasoning goes here.</think>\n'
    '<answer>Your final answer to the question goes here.</answer>'
)
"""The same prompts for a baseline without tools: no word of code, and no paths that only code could use."""

_SPAN = re.compile(f'({CODE_OPEN}.*?(?:{CODE_CLOSE}|\\Z))|({SANDBOX_OPEN}.*?(?:{SANDBOX_CLOSE}|\\Z))', re.DOTALL)
_PROTOCOL_NAMES = 'sandbox_output|code|answer|think|image|video|audio|tool_call|tool_response'
_TAG = re.compile(rf'</?(?:{_PROTOCOL_NAMES})\b[^<>]*>', re.IGNORECASE)
_PLACEHOLDER = re.compile(r'<(?:image|video|audio)>')
_SPECIAL_TOKEN = re.compile(r'<\|[^<>|\s]{1,64}\|>')


_PATH_LABEL = re.compile(
    r'\buser[\s_]*images?[\s_]*(?:#?\d+[\s_]*)?(?:file[\s_]*)?paths?(?:[\s_]*#?\d+)?[\s*_`"\'”]*(?:(?P<colon>[:：=])[\s*]*|(?=["“]))',
    re.IGNORECASE,
)
_SIZE_LABEL = re.compile(
    r'\buser[\s_]*images?[\s_]*(?:#?\d+[\s_]*)?sizes?(?:[\s_]*#?\d+)?[\s*_`"\'”]*[:：=][\s*`"\'“‘(\[\\]*'
    r'(?P<size>(?P<width>\d+)\s*[x×*X,]\s*(?P<height>\d+))',
    re.IGNORECASE,
)
_QUOTES = {'"': '"”“＂', '“': '”"', '”': '”"', '„': '“”"', '＂': '＂"', "'": "'’", '‘': "’'", '’': "’'", '`': '`'}
_QUOTES |= {'«': '»', '「': '」', '『': '』', '<': '>'}
_LINK = re.compile(r'!?\[[^\]\n]*\]\((?:[^\S\n]*<(?P<angled>[^\n]*?)>[^\S\n]*|(?P<path>[^\n]*?))\)(?=[\s*.,;]|\Z)')
_LIST_COMMA = re.compile(r'[^\s\w]?\s*,\s*')
_MOST_QUOTES = 8
"""Quotes within quotes around a path that are taken away, in bounded time."""
_LOOKS_LIKE_PATH = re.compile(r'\$\w+\Z|.*[/\\].|.*\.\w{2,5}\Z', re.DOTALL)


@dataclass(frozen=True)
class PromptPath:
    """One picture path as it stands in a prompt, without its quotes: `text[start:end] == path`."""

    path: str
    start: int
    end: int


@dataclass(frozen=True)
class PromptSize:
    """One picture size as it stands in a prompt; `text[start:end]` is the `WxH` part."""

    width_px: int
    height_px: int
    start: int
    end: int


def prompt_image_paths(text: str) -> tuple[str, ...]:
    """The paths that a prompt's `User Image Path` lines name, in the order of the lines.

    Found in every spelling met in public data: any case and spacing, with a number, bold or as a heading, with a
    stray `**` after the colon, in straight, curly, escaped or no quotes, in backticks, as a markdown link, in a
    list, on the next line; with spaces and any script in the path. The path is returned as written.

    Returns:
        One entry per path, repeated ones included, so that entry i belongs to picture i of the prompt; empty when
        the prompt names none.
    """
    return tuple(span.path for span in prompt_paths(text))


def prompt_paths(text: str) -> tuple[PromptPath, ...]:
    """As `prompt_image_paths`, with the place of each path, for those who rewrite it."""
    found: list[PromptPath] = []
    for label in _PATH_LABEL.finditer(text):
        following = _PATH_LABEL.search(text, label.end())
        limit = following.start() if following else len(text)
        size = _SIZE_LABEL.search(text, label.end(), limit)
        found += _read_paths(text, label.end(), size.start() if size else limit)
    return tuple(found)


def prompt_image_sizes(text: str) -> tuple[PromptSize, ...]:
    """The sizes that a prompt's `User Image Size` lines state, in order, with their places."""
    return tuple(
        PromptSize(int(m['width']), int(m['height']), m.start('size'), m.end('size'))
        for m in _SIZE_LABEL.finditer(text)
    )


def _read_paths(text: str, start: int, limit: int) -> list[PromptPath]:
    line_end = text.find('\n', start, limit)
    limit = line_end if line_end >= 0 else limit
    link = _LINK.match(text, start, limit)
    if link:
        group = 'path' if link['angled'] is None else 'angled'
        return _as_path(text, link.start(group), link.end(group))
    if not text.startswith('[', start):
        return _read_path(text, start, limit)
    found, at = [], start + 1
    while spans := _read_path(text, at, limit, quoted_only=True):
        found += spans
        closing = _LIST_COMMA.match(text, spans[-1].end, limit)
        if not closing:
            break
        at = closing.end()
    return found


def _read_path(
    text: str, start: int, limit: int, quoted_only: bool = False, quotes: int = _MOST_QUOTES
) -> list[PromptPath]:
    if _TAG.match(text, start, limit):
        return []
    escaped = text.startswith('\\', start) and text[start + 1 : start + 2] in _QUOTES
    opening = start + 1 if escaped else start
    closers = _QUOTES.get(text[opening : opening + 1])
    if closers:
        body = opening + 1
        pattern = (r'\\' if escaped else '') + f'[{re.escape(closers)}]' + r'(?!\w)'
        closed = re.compile(pattern).search(text, body, limit)
        inner = text[body : body + 1]
        if closed and inner in _QUOTES and quotes:
            return _read_path(text, body, closed.start() + 1, quoted_only, quotes - 1)
        if closed:
            return _as_path(text, body, closed.start())
        return _as_path(text, body, limit)
    return [] if quoted_only else _as_path(text, start, limit)


def _as_path(text: str, start: int, end: int) -> list[PromptPath]:
    raw = text[start:end]
    start += len(raw) - len(raw.lstrip())
    path = raw.strip().rstrip('*#').rstrip()
    bare = path.rstrip('.,;')
    path = bare if re.search(r'\.\w{2,5}\Z', bare) else path
    return [PromptPath(path, start, start + len(path))] if _LOOKS_LIKE_PATH.match(path) else []


@dataclass(frozen=True)
class PromptImage:
    """What the user prompt says of one picture: the path the model's code may use, and its size in pixels."""

    path: str
    width_px: int
    height_px: int


def render_user_prompt(question: str, images: Sequence[PromptImage] = (), *, tools: bool = True) -> str:
    """Writes the user message of Table 2 for one question.

    Args:
        question: the user's words; `<image>` tags already in it are kept and then not added again.
        images: the pictures in order; none for a pure computation.
        tools: False for the prompt without tools (`USER_PROMPT_PLAIN`).

    Returns:
        The message's text, with one `<image>` per picture.

    Paper: Table 2. With several pictures each gets a numbered path and size line; the paper shows one.
    """
    lines = []
    for i, image in enumerate(images, 1):
        number = f' {i}' if len(images) > 1 else ''
        lines.append(f'User Image{number} Path: "{image.path}"')
        lines.append(f'User Image{number} Size: "{image.width_px}x{image.height_px}"')
    tags = '' if IMAGE_TAG in question else IMAGE_TAG * len(images)
    return (USER_PROMPT if tools else USER_PROMPT_PLAIN).format(
        images=tags + '\n' if tags else '',
        question=question,
        image_lines=''.join(f'{line}\n' for line in lines) + '\n' * bool(lines),
    )


def segments(text: str) -> tuple[Segment, ...]:
    """Splits an assistant turn into text, code and sandbox stretches whose texts join to `text` exactly.

    The first of `<code>` and `<sandbox_output>` that opens wins and runs to its own closing tag, or to the end of
    the text when it is not closed; tags inside it are plain characters.
    """
    return tuple(_iter_segments(text))


def _iter_segments(text: str) -> Iterator[Segment]:
    end = 0
    for match in _SPAN.finditer(text):
        if match.start() > end:
            yield Segment(SegmentKind.TEXT, text[end : match.start()])
        yield Segment(SegmentKind.CODE if match.group(1) is not None else SegmentKind.SANDBOX, match.group())
        end = match.end()
    if end < len(text):
        yield Segment(SegmentKind.TEXT, text[end:])


def code_blocks(text: str) -> tuple[str, ...]:
    """The Python source of every closed `<code>` block of an assistant turn, in order, fences removed."""
    return tuple(
        strip_fence(s.text[len(CODE_OPEN) : -len(CODE_CLOSE)])
        for s in segments(text)
        if s.kind is SegmentKind.CODE and s.text.endswith(CODE_CLOSE)
    )


def code_at_end(text: str) -> str | None:
    """The source of the code block that `text` ends with, or None when it does not end with a closed block.

    Generation stops at `</code>`, but the token that completes the tag may carry a few characters more (`>\\n`, `><`);
    such a tail of up to `MAX_TAIL_CHARS` belongs to the model and does not hide the block.
    """
    parts = segments(text)
    if len(parts) > 1 and parts[-1].kind is SegmentKind.TEXT and len(parts[-1].text) <= MAX_TAIL_CHARS:
        parts = parts[:-1]
    if not parts or parts[-1].kind is not SegmentKind.CODE or not parts[-1].text.endswith(CODE_CLOSE):
        return None
    return strip_fence(parts[-1].text[len(CODE_OPEN) : -len(CODE_CLOSE)])


def opens_code(text: str) -> bool:
    """Whether `text` ends with `<code>` that has just been opened, give or take a tail of `MAX_TAIL_CHARS`.

    So ends a generation with `<code>` among its stop words.
    """
    parts = segments(text)
    last = parts[-1] if parts else Segment(SegmentKind.TEXT, '')
    body = last.text.removeprefix(CODE_OPEN)
    return last.kind is SegmentKind.CODE and not body.endswith(CODE_CLOSE) and len(body) <= MAX_TAIL_CHARS


def has_made_up_output(text: str) -> bool:
    """Whether a sandbox output stands where no closed code block asked for one: the model wrote it itself."""
    asked = False
    for part in segments(text):
        if part.kind is SegmentKind.SANDBOX and not asked:
            return True
        if part.kind is not SegmentKind.TEXT or len(part.text) > MAX_TAIL_CHARS:
            asked = part.kind is SegmentKind.CODE and part.text.endswith(CODE_CLOSE)
    return False


def without_tools(text: str) -> str:
    """The turn without code and sandbox output: what the model says in words."""
    return ''.join(s.text for s in segments(text) if s.kind is SegmentKind.TEXT)


def answer_of(text: str) -> str | None:
    """The last closed `<answer>…</answer>` outside code and sandbox output, stripped; None where there is none."""
    words = without_tools(text)
    end = words.rfind(ANSWER_CLOSE)
    start = words.rfind(ANSWER_OPEN, 0, max(end, 0))
    return words[start + len(ANSWER_OPEN) : end].strip() if 0 <= start < end else None


def render_sandbox_output(result: SandboxResult) -> str:
    """What the model sees of a result: one `<image>` per returned picture, otherwise the text.

    The text was already cleaned by the sandbox (`neutralize`), so every `<image>` in what this returns stands for
    one entry of `result.images`.

    Paper: §2. Nothing is added to the sandbox's own words.
    """
    body = IMAGE_TAG * len(result.images) if result.images else result.text
    return f'{SANDBOX_OPEN}{body}{SANDBOX_CLOSE}'


def neutralize(text: str, special_tokens: Iterable[str] = ()) -> str:
    """Makes protocol tags and special tokens in foreign text harmless by replacing their angle brackets.

    Args:
        text: what a program printed, or an answer on its way to the judge.
        special_tokens: the tokenizer's own special tokens; `<|…|>` is always covered.

    Returns:
        The text with `‹` and `›` in place of the brackets of every tag, so that it can neither close the sandbox
        output, nor stand for a picture, nor be encoded as a special token. The result holds no tag even when
        replacing one would have formed another.
    """
    pattern = _special_pattern(tuple(sorted(set(special_tokens), key=lambda t: (-len(t), t))))
    for _ in range(_MOST_NESTED):
        previous = text
        for regex in filter(None, (_TAG, _SPECIAL_TOKEN, pattern)):
            text = regex.sub(lambda m: _defuse(m.group()), text)
        if text == previous:
            return text
    return _defuse(text)


def neutralize_prompt(text: str) -> str:
    """Makes foreign words safe to stand in a prompt: they can neither stand for a picture nor be a special token.

    Other tags stay: a question may well be about HTML.
    """
    return _SPECIAL_TOKEN.sub(lambda m: _defuse(m.group()), _PLACEHOLDER.sub(lambda m: _defuse(m.group()), text))


_MOST_NESTED = 8
"""Tags within tags that are taken apart one by one; deeper nesting loses all its brackets, in bounded time."""


@lru_cache(maxsize=8)
def _special_pattern(tokens: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile('|'.join(map(re.escape, tokens))) if tokens else None


def _defuse(token: str) -> str:
    plain = token.replace('<', '‹').replace('>', '›')
    return plain if plain != token else token[0] + '\u200b' + token[1:]
