"""The question to ask when none is given: drawn on the spot, with a known answer."""

from __future__ import annotations

import json
from pathlib import Path

SEED = 1


def draw_example(folder: Path) -> tuple[str, str, str]:
    """Draws a street of shops in high resolution and asks for a code that is too small to read at once.

    Args:
        folder: where the picture is put.

    Returns:
        Question, path of the picture, and the right answer.
    """
    from ..data.synth import Form, Kind, SetSpec, generate

    spec = SetSpec(task='find_read', n=1, seed=SEED, kind=Kind.EVAL, form=Form.FREE, canvas='2k', difficulty=(0.5, 0.5))
    generate(spec, folder)
    row = json.loads((folder / 'rows.jsonl').read_text(encoding='utf-8').splitlines()[0])
    return row['question'], row['images'][0], str(row['solution'])
