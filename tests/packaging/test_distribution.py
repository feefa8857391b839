"""What `setup.py` declares and builds: everything imported, one version, a wheel that needs no repository."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from itertools import takewhile
from pathlib import Path

import pytest

import swift_thyme
from swift_thyme import cli
from swift_thyme.cli import COMMANDS
from swift_thyme.demo.quickstart import judge
from swift_thyme.doctor.versions import MATRIX, newer_than_tested
from swift_thyme.engines.checkpoint import latest_checkpoint
from swift_thyme.trajectories import read_records
from swift_thyme.trajectories.record import FOLDER

ROOT = Path(__file__).parents[2]
OF_A_HARNESS = {'lmms_eval', 'vlmeval'}
"""Imported inside a harness's own interpreter only."""


def norm(name: str) -> str:
    return re.sub(r'[-_.]+', '-', name).lower()


@pytest.fixture(scope='module')
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel and an sdist of what git has here."""
    folder = tmp_path_factory.mktemp('dist')
    source = folder / 'source'
    names = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT, capture_output=True, text=True)
    if names.returncode:
        pytest.skip('no git checkout to build from')
    for name in names.stdout.splitlines():
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    for kind in ('sdist', 'bdist_wheel'):
        words = [sys.executable, 'setup.py', '-q', kind, '-d', str(folder)]
        done = subprocess.run(words, cwd=source, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    return {'wheel': next(folder.glob('*.whl')), 'sdist': next(folder.glob('*.tar.gz'))}


@pytest.fixture(scope='module')
def metadata(built: dict[str, Path]) -> importlib.metadata.PackageMetadata:
    with zipfile.ZipFile(built['wheel']) as wheel:
        (name,) = [n for n in wheel.namelist() if n.endswith('METADATA')]
        folder = built['wheel'].parent / 'x.dist-info'
        folder.mkdir()
        (folder / 'METADATA').write_bytes(wheel.read(name))
    return importlib.metadata.PathDistribution(folder).metadata


def imported() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in Path(swift_thyme.__file__).parent.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            else:
                continue
            for name in names:
                found.setdefault(name.partition('.')[0], set()).add(str(path))
    return {name: paths for name, paths in found.items() if name not in sys.stdlib_module_names}


def test_everything_imported_is_declared(metadata: importlib.metadata.PackageMetadata) -> None:
    declared = {norm(re.split(r'[^\w.-]', line)[0]) for line in metadata.get_all('Requires-Dist') or ()}
    owners = importlib.metadata.packages_distributions()
    missing = {
        name
        for name in set(imported()) - {'swift_thyme'} - OF_A_HARNESS
        if norm(name) not in declared and not {norm(owner) for owner in owners.get(name, ())} & declared
    }
    assert not missing


def test_bounds_and_pythons_are_those_of_the_matrix(metadata: importlib.metadata.PackageMetadata) -> None:
    lines = metadata.get_all('Requires-Dist') or []
    for tested in MATRIX:
        (line,) = [line for line in lines if norm(re.split(r'[^\w.-]', line)[0]) == tested.name]
        assert f'>={tested.at_least}' in line and (not tested.below or f'<{tested.below}' in line)
        assert min(tested.run_with, key=lambda n: tuple(map(int, n.split('.')))) == tested.at_least


def test_the_version_has_one_source(
    metadata: importlib.metadata.PackageMetadata, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(['--version'])
    assert ended.value.code == 0 and capsys.readouterr().out == f'swift-thyme {metadata["Version"]}\n'


def test_the_long_description_has_no_dead_links(metadata: importlib.metadata.PackageMetadata) -> None:
    text = str(metadata.get_payload())  # type: ignore[attr-defined]
    assert 'Teaches a vision-language model' in text and not re.findall(r'\]\((?!http)[^)]*\)', text)


def test_the_sdist_can_be_tested(built: dict[str, Path]) -> None:
    with tarfile.open(built['sdist']) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    for wanted in (
        'CHANGELOG.md',
        'scripts/test.sh',
        'plugins/thyme_plugin.py',
        'docs/recipes.md',
        'tests/conftest.py',
    ):
        assert wanted in names
    tracked = {str(path.relative_to(ROOT)) for path in (ROOT / 'tests').rglob('*.py')}
    assert not tracked - names


@pytest.fixture(scope='module')
def installed(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel alone, unpacked; the repository is on no path."""
    folder = tmp_path_factory.mktemp('installed')
    with zipfile.ZipFile(built['wheel']) as wheel:
        wheel.extractall(folder)
    return folder


ARGV = [sys.executable, '-P' if sys.version_info >= (3, 11) else '-s', '-m', 'swift_thyme.cli']


def thyme(installed: Path, *words: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, 'PYTHONPATH': str(installed), **more}
    return subprocess.run(
        [*ARGV, *words], capture_output=True, text=True, env=env, cwd=cwd or installed.parent, check=False
    )


@pytest.mark.parametrize(
    ('method', 'recipe'), [('sft', 'stage1'), ('sft', 'stage2'), ('rlhf', 'rl'), ('rollout', 'rollout_server')]
)
def test_the_wheel_has_the_recipes_and_the_plug_in_file(installed: Path, method: str, recipe: str) -> None:
    done = thyme(installed, method, '--recipe', recipe, '--dry-run')
    plugin = installed / 'swift_thyme' / 'plugins' / 'thyme_plugin.py'
    assert done.returncode == 0 and f'--external_plugins {plugin}' in done.stdout and plugin.is_file(), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize('name', sorted(COMMANDS))
def test_every_commands_help_works_from_the_wheel(installed: Path, name: str) -> None:
    done = thyme(installed, name, '--help')
    assert done.returncode == 0 and 'usage' in done.stdout.lower(), done.stderr


@pytest.mark.slow
def test_the_wheel_alone_begins_the_quickstart(installed: Path, tmp_path: Path) -> None:
    """As far as its first training: `thyme quickstart` alone takes minutes, and the test below trains."""
    env = {**os.environ, 'PYTHONPATH': str(installed)}
    argv = [*ARGV, 'quickstart', '--out', 'out']
    with subprocess.Popen(
        argv, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        said = list(takewhile(lambda line: not line.startswith('data:'), process.stderr))
        os.killpg(process.pid, signal.SIGKILL)
    assert {'tiny checkpoint', 'data'} <= set(json.loads((tmp_path / 'out' / 'finished.json').read_text())), said


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_wheel_alone_teaches_a_model(installed: Path, tmp_path: Path) -> None:
    """README's whole way as far as one step of SFT and one of GRPO, in a folder without the repository."""
    rows = ROOT / 'examples' / 'dataset'
    steps = [
        'tiny tiny',
        f'prepare sft {rows / "sft_question_response.jsonl"} --out sft --certify 0',
        f'prepare rl {rows / "rl_messages.jsonl"} --out rl',
        'sft --recipe cpu_stage1 --model tiny --dataset sft --output_dir sft1 --max_steps 1 --save_steps 1',
        'rlhf --recipe cpu_rl --model sft1 --dataset rl --output_dir grpo --max_steps 1 --save_steps 1',
    ]
    with judge(tmp_path / 'judge.log') as address:
        host, _, port = address.partition(':')
        said = {'REWARD_API_ADDRESS': host, 'QWEN_API_PORT': port, 'THYME_JUDGE_CACHE': 'off'}
        for words in steps:
            done = thyme(installed, *words.split(), cwd=tmp_path, **said)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert latest_checkpoint(tmp_path / 'grpo') is not None
    assert {record.step for record in read_records(tmp_path / 'grpo' / FOLDER)} == {0}


def test_what_is_newer_than_tested_is_said(caplog: pytest.LogCaptureFixture) -> None:
    got = {'vllm': '0.33.1', 'trl': '0.29.3', 'transformers': '5.20.0', 'torch': '9.0'}
    texts = newer_than_tested(got.get)
    assert [text.split()[0] for text in texts] == ['transformers', 'vllm'] and '0.24, 0.32' in texts[1]
