"""The user's question and the reference answer as one text each, however a data set or a prompt words them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .. import protocol

_PATH_LABEL = re.compile(r'\buser image', re.IGNORECASE)


def question_of(messages: Iterable[Mapping[str, Any]]) -> str:
    """The user's question in the last user message, without pictures, paths and the output format around it."""
    text = ''
    for message in messages:
        if message.get('role') == 'user':
            content = message.get('content')
            if isinstance(content, list):
                content = ''.join(str(part.get('text') or '') for part in content if isinstance(part, dict))
            text = content if isinstance(content, str) else text
    ending = protocol.USER_PROMPT.split('{image_lines}')[1].split('\n')[0]
    text = text.split(ending)[0]
    marks = protocol.prompt_paths(text)
    if marks:
        text = _without_label(text[: marks[0].start])
    return text.replace(protocol.IMAGE_TAG, '').strip()


def _without_label(text: str) -> str:
    """The lines before the one that names a picture, which the path ends or follows."""
    lines = text.split('\n')
    for last in (2, 1):
        if len(lines) >= last and _PATH_LABEL.search(lines[-last]):
            return '\n'.join(lines[:-last])
    return text


def reference_of(solution: Any) -> str | None:
    """A `solution` column as one text: a list of accepted answers as JSON; None for what is no answer."""
    if isinstance(solution, list | tuple) and solution and all(isinstance(one, str) for one in solution):
        return json.dumps(list(solution), ensure_ascii=False)
    if isinstance(solution, int | float | list) and not isinstance(solution, bool) and solution != []:
        return str(solution)
    return solution if isinstance(solution, str) else None
