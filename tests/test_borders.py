"""Where the package's borders lie: which folders import the host, and what the host-free core may import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import swift_thyme

PACKAGE = Path(swift_thyme.__file__).parent
MAP = Path(__file__).parents[1] / 'docs' / 'design.md'
HOST = {'swift', 'trl', 'vllm'}
HOST_SIDE = {'host', 'engines', 'launch'}
HEAVY = {*HOST, 'torch', 'transformers', 'accelerate', 'deepspeed'}
MOST_AT_THE_ROOT = 14


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """What a file imports: absolute module name, and whether type checkers alone see it."""
    module = ['swift_thyme', *path.relative_to(PACKAGE).with_suffix('').parts]
    tree = ast.parse(path.read_text(encoding='utf-8'))
    unseen = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, 'id', '') == 'TYPE_CHECKING'
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join([*module[: len(module) - node.level], *([node.module] if node.module else [])])
            stem = base if node.level else str(node.module)
            names = [stem, *(f'{stem}.{alias.name}' for alias in node.names)]
        else:
            continue
        yield from ((name, id(node) in unseen) for name in names)


def files() -> list[Path]:
    return sorted(PACKAGE.rglob('*.py'))


def floors() -> dict[str, int]:
    """The table of docs/design.md: a folder or a module of the root → its floor."""
    rows = re.findall(r'^\| (\d+) \| (`.*`) \|$', MAP.read_text(encoding='utf-8'), re.MULTILINE)
    return {name.rstrip('/'): int(floor) for floor, names in rows for name in re.findall(r'`(.+?)`', names)}


def place(module: str) -> str:
    """The folder below the package that a module is in, or its name at the root; empty for the package itself."""
    return module.partition('.')[2].partition('.')[0]


def test_only_the_host_side_imports_the_host() -> None:
    found = {
        f'{path.relative_to(PACKAGE)} imports {name}'
        for path in files()
        for name, typing_only in imports(path)
        if name.split('.')[0] in HOST and not typing_only and path.relative_to(PACKAGE).parts[0] not in HOST_SIDE
    }
    assert not found


def test_the_core_imports_nothing_heavy_and_nothing_of_the_host_side() -> None:
    found = {
        f'{path.name} imports {name}'
        for path in PACKAGE.glob('*.py')
        if path.name != 'register.py'
        for name, typing_only in imports(path)
        if not typing_only
        and (name.split('.')[0] in HEAVY or name.split('.')[:2] in [['swift_thyme', side] for side in HOST_SIDE])
    }
    assert not found


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = {'.'.join(('swift_thyme', *path.relative_to(PACKAGE).with_suffix('').parts)): path for path in files()}
    arrows = {
        module: {name for name, typing_only in imports(path) if name in modules and name != module and not typing_only}
        for module, path in modules.items()
    }
    TopologicalSorter(arrows).prepare()  # raises CycleError, which names the circle


def test_everything_has_a_floor() -> None:
    there = {path.stem for path in PACKAGE.glob('*.py')} | {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
    assert set(floors()) == there - {'__init__'}


def test_nothing_imports_from_a_higher_floor_or_a_neighbour() -> None:
    floor, found = floors(), set()
    for path in files():
        here = path.relative_to(PACKAGE).with_suffix('').parts[0]
        for name, typing_only in imports(path):
            there = place(name)
            if typing_only or not name.startswith('swift_thyme.') or here == '__init__' or there not in floor:
                continue
            lower = floor[there] < floor[here] or floor[there] == floor[here] == 1
            if there != here and not lower:
                found.add(f'{path.relative_to(PACKAGE)} (floor {floor[here]}) imports {name} ({floor[there]})')
    assert not found


def test_the_root_is_a_short_list() -> None:
    assert len(list(PACKAGE.glob('*.py'))) <= MOST_AT_THE_ROOT


@pytest.mark.parametrize('name', ['swift_thyme', 'swift_thyme.spans', 'swift_thyme.agent', 'swift_thyme.register'])
def test_importing_the_core_loads_nothing_heavy(name: str) -> None:
    import subprocess
    import sys

    code = f'import sys, {name}; print(sorted({HEAVY!r} & set(sys.modules)))'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
