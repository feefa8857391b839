"""What a trainer's loss was given, compared with what was sampled and returned: reads a trace of `witness`.

A row belongs to the trajectory that sampled the same ids, or else most of them. A picture is in its place if its pads
are in an untrained stretch of their own, in the order of the results, and as many as its patches ask for.
"""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any


def judge(trace: Path, pad_id: int) -> Counter[str]:
    """Counts over all steps, each question with one picture; `pad_id` is the image pad's."""
    found: Counter[str] = Counter()
    for step in map(json.loads, trace.read_text().splitlines()):
        for rows, pictures in step['trained']:
            found += _judge_batch(rows, pictures, step['sampled'], step['returned'], pad_id)
    return found


def _judge_batch(rows: Any, pictures: list[int], left: Any, returned: Any, pad_id: int) -> Counter[str]:
    found, lengths = Counter[str](), list[int]()
    for ids, mask in rows:
        lengths += [len(list(run)) for is_pad, run in groupby(token == pad_id for token in ids) if is_pad]
        trained = [token for token, is_trained in zip(ids, mask, strict=True) if is_trained]
        if not trained:
            found['rows left out'] += 1
            continue
        alike = {key: (given == trained, (Counter(trained) & Counter(given)).total()) for key, given in left.items()}
        key = max(alike, key=alike.__getitem__)
        sampled, (exact, same) = left.pop(key), alike[key]
        expected = [1, *filter(None, returned.get(key, []))]
        found.update({'rows': 1, 'exact rows': exact, 'sampled': len(sampled)})
        found.update({'not trained': len(sampled) - same, 'not sampled': len(trained) - same})
        found['pictures'] += sum(expected)
        found['in place'] += sum(map(min, zip(expected, _pictures_by_gap(ids, mask, pad_id), strict=False)))
    if lengths != pictures:
        found['in place'] = 0  # the runs of pads are not those of the pictures, in their order
    return found


def _pictures_by_gap(ids: list[int], mask: list[int], pad_id: int) -> Iterator[int]:
    """How many pictures each untrained stretch has that has any; those in a trained stretch are in no place."""
    for is_trained, stretch in groupby(zip(mask, ids, strict=True), key=lambda pair: pair[0]):
        runs = sum(is_pad for is_pad, _ in groupby(token == pad_id for _, token in stretch))
        if runs and not is_trained:
            yield runs
