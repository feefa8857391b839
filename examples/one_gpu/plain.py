"""Turns SFT sets of `thyme synth` into rows that answer without tools: the control group of the experiment.

    python examples/one_gpu/plain.py output/one_gpu/plain output/one_gpu/sft/*

Questions, pictures and answers stay. Prompts are those without tools, and of the thinking the last words stay: what is
seen. Pictures that code returned go.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from swift_thyme.protocol import (
    SANDBOX_CLOSE,
    SYSTEM_PROMPT_PLAIN,
    THINK_CLOSE,
    THINK_OPEN,
    PromptImage,
    render_user_prompt,
)


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """The row without tools."""
    seen, closed, answer = row['messages'][2]['content'].rpartition(SANDBOX_CLOSE)[2].partition(THINK_CLOSE)
    user = render_user_prompt(row['question'], [PromptImage('', row['width'], row['height'])], tools=False)
    texts = {'system': SYSTEM_PROMPT_PLAIN, 'user': user, 'assistant': f'{THINK_OPEN}{seen.strip()}{closed}{answer}'}
    messages = [{'role': role, 'content': text} for role, text in texts.items()]
    return {**row, 'messages': messages, 'images': row['images'][:1]}


def main(out: Path, sets: list[Path]) -> None:
    """Writes the rows of every set into a folder of the same name."""
    for folder in sets:
        lines = (folder / 'rows.jsonl').read_text(encoding='utf-8').splitlines()
        rows = [json.dumps(plain_row(json.loads(line)), ensure_ascii=False) for line in lines]
        (out / folder.name).mkdir(parents=True, exist_ok=True)
        (out / folder.name / 'rows.jsonl').write_text('\n'.join(rows) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
