"""What the quickstart's tiny model is taught and asked: rows of `thyme synth`, made fit for a minute of training.

Owns the choice and the form of the rows. The stages that use them are in `quickstart`.
"""

from __future__ import annotations

import json
from pathlib import Path

from .. import protocol
from ..infer.question import prompt_image


def keep_easy_rows(path: Path, *, rows: int = 2) -> int:
    """Leaves the rows a tiny model can learn in a minute: the first ones with one round of code.

    With `thyme_last_round` a row of several rounds trains its end only; from such rows alone no model learns to begin.
    Four rows or more were not learnt in 120 steps: sampled at temperature 1, no code of theirs ran.

    Returns:
        The number of rows kept; the others stay in `canonical.jsonl` beside it.
    """
    lines = path.read_text(encoding='utf-8').splitlines(keepends=True)
    kept = [line for line in lines if len(protocol.code_blocks(json.loads(line)['messages'][-1]['content'])) == 1][
        :rows
    ]
    path.write_text(''.join(kept), encoding='utf-8')
    return len(kept)


def call_as_asked(path: Path) -> None:
    """Calls the picture of each row as `thyme infer` and `thyme serve` call a user's, in the prompt and in the code.

    A large model copies the path from the prompt; two layers do not learn to copy in a minute. Taught one path they
    know it by heart and are lost with any other: of 16 questions with other paths they answered 5. Taught another path
    at every step they did not learn the answer either (loss 0.2 after 110 steps in place of 0.006).
    """
    rows = [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]
    for row in rows:
        asked = next(message['content'] for message in row['messages'] if message['role'] == 'user')
        names = {
            old: prompt_image(picture, number).path
            for number, (old, picture) in enumerate(
                zip(protocol.prompt_image_paths(asked), row['images'], strict=False), 1
            )
        }
        for message in row['messages']:
            for old, new in names.items():
                message['content'] = message['content'].replace(f'"{old}"', f'"{new}"')
    path.write_text(''.join(json.dumps(row, ensure_ascii=False) + '\n' for row in rows), encoding='utf-8')


def ask_again(sft_rows: Path, rl_rows: Path) -> None:
    """Makes RL rows of SFT rows: the same questions, with the solution and without the response.

    A model that has seen a handful of rows can answer no others; a real run has RL questions of its own.
    """
    rl_rows.parent.mkdir(parents=True, exist_ok=True)
    with rl_rows.open('w', encoding='utf-8') as file:
        for line in sft_rows.read_text(encoding='utf-8').splitlines():
            row = json.loads(line)
            asked = {'messages': row['messages'][:-1], 'images': row['images'][:1]}
            file.write(json.dumps({**asked, 'solution': row['solution'], 'question': row['question']}) + '\n')
