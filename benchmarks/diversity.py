"""How various the SFT trajectories of `thyme synth` are: words, sentences, code, scenes, real pictures.

    python benchmarks/diversity.py [--rows 1500]

Plans the trajectories of a set of all tasks without drawing a picture or running code, so the figures are those of the
set that `thyme synth --kind sft` makes with that order. Words are counted as they are written in lower case outside
quotes and backticks, so that made-up names and codes are none; code is compared with every number and the picture's
path masked. Ends with 1 below 1,500 words or 90 % distinct code blocks.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator

from swift_thyme.data.synth import Kind, SetSpec
from swift_thyme.data.synth.photos import PHOTOS
from swift_thyme.data.synth.rows import planned
from swift_thyme.data.synth.seeds import rng_for
from swift_thyme.data.synth.trajectory.rounds import Script
from swift_thyme.data.synth.trajectory.script import script_for

LEAST_WORDS, LEAST_DISTINCT = 1500, 0.9
_NO_WORDS = re.compile(r'"[^"]*"|`[^`]*`')
_WORD = re.compile(r'(?<![\w.-])[a-z]{2,}(?![\w-])')


def scripts(spec: SetSpec) -> Iterator[tuple[str, str, Script]]:
    """Scene, the picture's path, and the trajectory of every row."""
    for index in range(spec.n):
        made = planned(spec, index)
        yield made.item.scene, made.file, script_for(made, rng_for('script', made.id))


def masked(code: str, path: str) -> str:
    """Code without what differs between any two rows: numbers and the picture's path."""
    return re.sub(r'\d+', '0', code.replace(path, 'PATH') if path else code)


def main() -> int:
    """Counts and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rows', type=int, default=1500, help='rows of the set (default: %(default)s)')
    args = parser.parse_args()
    begin = time.monotonic()
    words: set[str] = set()
    scenes: set[str] = set()
    thoughts: list[str] = []
    codes: list[str] = []
    for scene, path, script in scripts(SetSpec(n=args.rows, kind=Kind.SFT, difficulty=(0.0, 1.0), seed=1)):
        said = [*(r.thought for r in script.rounds), script.closing]
        thoughts += said
        words.update(word for text in said for word in _WORD.findall(_NO_WORDS.sub(' ', text)))
        codes += [masked(r.code, path) for r in script.rounds]
        scenes.add(scene)
    distinct = len(set(codes)) / len(codes)
    print(f'{args.rows} rows in {time.monotonic() - begin:.0f} s')
    print(f'words {len(words)} (at least {LEAST_WORDS})')
    print(f'thoughts {len(thoughts)}, distinct {len(set(thoughts)) / len(thoughts):.1%}')
    print(f'code blocks {len(codes)}, distinct beside numbers and paths {distinct:.1%} (at least {LEAST_DISTINCT:.0%})')
    print(f'scene families {len(scenes)}: {", ".join(sorted(scenes))}')
    print(f'real pictures {len(PHOTOS)}')
    return int(len(words) < LEAST_WORDS or distinct < LEAST_DISTINCT)


if __name__ == '__main__':
    raise SystemExit(main())
