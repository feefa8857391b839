"""The data card of a set: what it is, how it was made, what it is good for, under which terms.

Owns the text; the numbers come from the manifest's own data.
"""

from __future__ import annotations

import json
from pathlib import Path

from ...trajectories.lines import replace_file
from .rows import Row
from .tasks import TASKS
from .writers import CANONICAL, MANIFEST, SUMS

CARD = 'README.md'
_FIXED = (
    '## Columns',
    '',
    '`messages`, `images`, `solution` (letter or answer), `question` (as posed), `stem` (without options), `options`, '
    '`answer` (in full), `absent` (the thing asked for is not there), `box` and `context_box` (pixels: left, top, '
    'right, bottom), `detail_px`, `detail_px_at_budget`, `rotation_deg` (counterclockwise), `contrast` (WCAG ratio), '
    '`task`, `scene`, `difficulty`, `split`, `seed` (of the row), `index`, `id`. SFT rows add `rounds`, '
    '`failed_rounds` and `views` (what each returned picture shows).',
    '',
    '## Limits',
    '',
    'Scenes are drawn, not photographed; a score here says how well small, turned, faint or grid-addressed things are '
    'found and read, not how a model does on photographs. Training on a set and testing on the same task with another '
    'seed measures the same kind of scene: splits never share a row seed, but they share the scene builders.',
    '',
    '## Terms',
    '',
    'Photographs inside the scenes are sample pictures that the scikit-image package ships (its documentation states '
    'their sources and terms). Letters are set in DejaVu and STIX (shipped with matplotlib), Source Sans Pro, Hanken '
    'Grotesk and Fredoka One (SIL Open Font License 1.1) and Caladea (Apache-2.0). Everything else is drawn by the '
    'generator; names of shops, people and places are made up from syllables.',
    '',
)


def _blind_lines(blind: object) -> list[str]:
    if not isinstance(blind, dict) or not blind:
        return []
    return [
        f'Without the picture: of {blind["rules"]} rules that look at the options alone, the best '
        f'("{blind["best_rule"]}") is right in {blind["right"]:.1%} of the {blind["choices"]} choices; chance is 25 %, '
        'and the best of many rules lies above it by luck in a small set.',
        f'Classifiers that learn from {blind["classifier_train_rows"]} rows of training and see the question and the '
        f'options alone answer {blind["classifier_test_rows"]} of them: {_shares(blind["classifiers"])}.',
        '',
    ]


def _shares(classifiers: dict[str, float]) -> str:
    return ', '.join(f'"{name}" {share:.1%}' for name, share in classifiers.items())


def write_card(out: Path, manifest: Row) -> Path:
    """Writes the card of a set whose manifest is given."""
    order, tasks = manifest['order'], manifest['tasks']
    assert isinstance(order, dict) and isinstance(tasks, dict)
    low, high = order['difficulty']
    legible = f'{manifest["legible_px"]} px', manifest['legible_contrast'], f'{manifest["legible_turn_deg"]}°'
    lines = [
        f'# Synthetic set: {order["task"]}, {order["n"]} rows for {order["kind"]}',
        '',
        f'Made by `thyme synth` with seed {order["seed"]} of the split `{order["split"]}`; canvas {order["canvas"]}, '
        f'difficulty {low} to {high}, answers: {order["form"]}. The same order gives the same bytes: SHA-256 of the '
        f'canonical form `{manifest["sha256"]}` (`{SUMS}` lists every picture and `{CANONICAL}`; versions are in '
        f'`{MANIFEST}`).',
        '',
        '## What is in it',
        '',
        '| task | what | it demands | rows | readable without a tool |',
        '|---|---|---|---|---|',
    ]
    for name, counts in tasks.items():
        task, share = TASKS[name], counts['readable_without_tool']
        demands = ', '.join(demand.value for demand in task.demands)
        lines.append(f'| {name} | {task.help} | {demands} | {counts["rows"]} | {share:.1%} |')
    lines += [
        '',
        f'"Readable without a tool" counts the rows whose target (capital letters or objects) is at least {legible[0]} '
        f'high after the picture is shrunk to {manifest["max_pixels"]} pixels, has a contrast ratio of at least '
        f'{legible[1]} and is turned by at most {legible[2]}. These limits are assumptions, not measurements of a '
        'model; the columns `detail_px`, `contrast` and `rotation_deg` let you apply others.',
        '',
        *_blind_lines(manifest['blind']),
        f'Overlap with other splits: {manifest["rows_of_other_splits"]} rows. A row seed, and the text of a question '
        'without a picture, belong to one split; every row of this set was looked at.',
        '',
        *_FIXED,
        '## The order',
        '',
        '```json',
        json.dumps(order, indent=2),
        '```',
        '',
    ]
    replace_file(out / CARD, ['\n'.join(lines).encode()], durable=False)
    return out / CARD
