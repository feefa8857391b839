"""Trajectories that others wrote: the host's `completions.jsonl` and result files, the release's `vis.json`.

Their text holds a whole trajectory in one assistant turn; `turns_of` takes it apart again by the protocol's tags, so
that what the sandbox returned is told from what was sampled. What such a file does not say (outcomes, repairs, times)
stays unknown: nothing is guessed, except that a round that returned a picture did run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import protocol
from ..errors import DataError
from ..types import Outcome, SegmentKind, StopReason
from .model import Record, RecordedTurn, Source

_PADS = re.compile(r'<\|vision_start\|>(?:<\|image_pad\|>)*<\|vision_end\|>')
_TURN = re.compile(r'<\|im_start\|>(system|user|assistant)\n(.*?)(?:<\|im_end\|>|\Z)', re.DOTALL)
_END_TOKENS = ('<|im_end|>', '<|endoftext|>')
_FILE_URL = 'file://'


def is_completions(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a step of the host's `completions.jsonl`: columns, one entry a trajectory."""
    return isinstance(value.get('completion'), list) and isinstance(value.get('prompt'), list)


def completions(value: Mapping[str, Any], where: str, folder: Path) -> Iterator[Record]:
    """The trajectories of one step.

    Columns of numbers that are no other field are rewards, as the host writes them: one column a reward function.

    Raises:
        DataError: the columns have different lengths.
    """
    n = len(value['completion'])
    columns = {name: column for name, column in value.items() if isinstance(column, list)}
    uneven = {name: len(column) for name, column in columns.items() if len(column) != n}
    if uneven:
        raise DataError(f'{where}: columns as long as `completion` ({n}) expected, got {uneven}; the line is damaged')
    told = {'step', 'prompt', 'completion', 'advantages', 'entropy', 'solution', 'num_turns'}
    names = [k for k, column in columns.items() if k not in told and all(_is_number(v) or v is None for v in column)]
    for i in range(n):
        row = {name: column[i] for name, column in columns.items()}
        rewards = {name: None if row[name] is None else float(row[name]) for name in names}
        text = _plain(str(row['completion'] or ''))
        yield Record(
            turns=turns_of(text),
            source=Source.HOST_COMPLETIONS,
            origin=f'{where}[{i}]',
            folder=folder,
            messages=tuple(_messages(str(row['prompt'] or ''))),
            solution=None if row.get('solution') is None else str(row['solution']),
            text=text,
            stop_reason=_ending(text),
            rewards=rewards,
            advantage=float(row['advantages']) if _is_number(row.get('advantages')) else None,
            step=int(row['step']) if str(row.get('step', '')).isdigit() else None,
            extra={name: row[name] for name in row if name not in told and name not in names},
        )


def is_host_result(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a line of the host's `--result_path`: a response with its messages."""
    return isinstance(value.get('response'), str) and isinstance(value.get('messages'), list)


def host_result(value: Mapping[str, Any], where: str, folder: Path) -> Record:
    """One response of `swift infer` or `swift deploy`."""
    text = _plain(value['response'])
    messages = [m for m in value['messages'] if isinstance(m, dict) and m.get('role') != 'assistant']
    images = [_path(image) for image in value.get('images') or [] if isinstance(image, (str, dict))]
    labels = value.get('labels')
    return Record(
        turns=turns_of(text),
        source=Source.HOST_RESULTS,
        origin=where,
        folder=folder,
        messages=tuple(messages),
        solution=None if labels is None else protocol.answer_of(str(labels)) or str(labels),
        text=text,
        images=tuple(images),
        stop_reason=_ending(text),
    )


def is_vis(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is the released code's `vis.json`."""
    return isinstance(value.get('trajectory'), list) and ('qs' in value or 'orig_img_path' in value)


def vis(value: Mapping[str, Any], where: str, folder: Path) -> Record:
    """One question of the released evaluation code.

    `trajectory` holds a user and an assistant message, each a list of `text` and `image` parts; pictures of the code
    stand in folders `Gen-i-Iter-j` beside the file, the original under its own name.

    Raises:
        DataError: a message is not of that form.
    """
    parts: list[Mapping[str, Any]] = []
    for message in value['trajectory']:
        if not isinstance(message, dict) or not isinstance(message.get('content'), (list, str)):
            raise DataError(f'{where}: `trajectory` must be messages with a list of parts, got {str(message)[:80]!r}')
        if message.get('role') == 'assistant':
            content = message['content']
            parts += [{'type': 'text', 'text': content}] if isinstance(content, str) else content
    text, images = _join(parts)
    original = value.get('orig_img_path')
    return Record(
        turns=turns_of(text, [_beside(image, folder) for image in images]),
        text=text,
        source=Source.RELEASE_VIS,
        origin=where,
        folder=folder,
        question=str(value.get('qs') or ''),
        solution=None if value.get('ground_truth') is None else str(value['ground_truth']),
        answer=protocol.answer_of(text) or _text(value.get('final_answer')),
        images=(_beside(str(original), folder),) if original else (),
        stop_reason=_ending(text),
        failed_attempts=tuple(_attempts(value.get('fail_cases'))),
    )


def turns_of(text: str, images: Sequence[str] = ()) -> tuple[RecordedTurn, ...]:
    """Takes an assistant turn apart into generations and sandbox outputs.

    Args:
        text: the whole turn, one `<image>` for each picture that code returned.
        images: those pictures, in order; may be fewer.
    """
    turns: list[RecordedTurn] = []
    sampled, left = '', list(images)
    for segment in protocol.segments(text):
        code = protocol.code_at_end(sampled)
        if segment.kind is not SegmentKind.SANDBOX or code is None:
            sampled += segment.text
            continue
        output = segment.text.removeprefix(protocol.SANDBOX_OPEN).removesuffix(protocol.SANDBOX_CLOSE)
        n = output.count(protocol.IMAGE_TAG)
        turns.append(
            RecordedTurn(
                text=sampled,
                code=code,
                outcome=Outcome.OK if n else None,
                sandbox_text=output.replace(protocol.IMAGE_TAG, '').strip(),
                images=tuple(left[:n]),
            )
        )
        del left[:n]
        sampled = ''
    if sampled or not turns:
        turns.append(RecordedTurn(text=sampled, code=protocol.code_at_end(sampled)))
    return tuple(turns)


def _ending(text: str) -> StopReason | None:
    return StopReason.ANSWER if protocol.answer_of(text) is not None else None


def _plain(text: str) -> str:
    for token in _END_TOKENS:
        text = text.removesuffix(token)
    return _PADS.sub(protocol.IMAGE_TAG, text)


def _messages(prompt: str) -> list[dict[str, str]]:
    """The messages of a prompt that a chat template of the Qwen family rendered; one user message for any other."""
    found = [{'role': m[1], 'content': _PADS.sub(protocol.IMAGE_TAG, m[2])} for m in _TURN.finditer(prompt)]
    return [m for m in found if m['role'] != 'assistant'] or [{'role': 'user', 'content': prompt}]


def _join(parts: Sequence[Any]) -> tuple[str, list[str]]:
    text, images = '', []
    for part in parts:
        if isinstance(part, dict) and part.get('type') == 'image':
            text += protocol.IMAGE_TAG
            images.append(str(part.get('image') or ''))
        elif isinstance(part, dict):
            text += str(part.get('text') or '')
    return text, images


def _beside(image: str, folder: Path) -> str:
    """Where a picture of the release lies now: the longest tail of its path that exists below the folder."""
    names = Path(image.removeprefix(_FILE_URL)).parts
    for start in range(len(names)):
        tail = Path(*names[start:])
        if not tail.is_absolute() and (folder / tail).is_file():
            return str(tail)
    return image.removeprefix(_FILE_URL)


def _attempts(cases: Any) -> Iterator[str]:
    for case in cases if isinstance(cases, list) else []:
        if isinstance(case, dict):
            yield from (f'{name}: {content}' for name, content in case.items())


def _path(image: Any) -> str:
    return str(image.get('path') or image.get('bytes') or '') if isinstance(image, dict) else str(image)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
