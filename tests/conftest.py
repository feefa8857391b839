"""Fixtures shared by all parts: the tiny checkpoint, built once a run, and an O3 template over it."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault('HF_HUB_OFFLINE', '1')
os.environ.setdefault('TRANSFORMERS_OFFLINE', '1')
os.environ['MAX_PIXELS'] = '50176'  # 64 visual tokens a picture: enough to see that it is there
os.environ['PYTHONPATH'] = os.pathsep.join(  # the scripted policy, for commands that tests start, too
    filter(None, [str(Path(__file__).parents[1] / 'benchmarks'), os.environ.get('PYTHONPATH')])
)

from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of whole host commands come first: at the end they would leave the other processes without work."""
    items.sort(key=lambda item: item.get_closest_marker('host') is None)


@pytest.fixture(autouse=True, scope='module')
def schedulers_of_other_modules_are_gone() -> Iterator[None]:
    """A scheduler makes its process tolerate bad pictures; a test module does not inherit that from one before."""
    from swift_thyme.picture import BAD_ROWS

    BAD_ROWS.tolerated = False
    yield
    BAD_ROWS.tolerated = False


@pytest.fixture(scope='session')
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen2.5-VL checkpoint with random weights; all processes of a run share one."""
    from filelock import FileLock

    from swift_thyme.demo.tiny import build_tiny

    root = tmp_path_factory.getbasetemp()
    shared = root.parent if 'PYTEST_XDIST_WORKER' in os.environ else root
    out = shared / 'tiny'
    with FileLock(f'{out}.lock'):
        if not out.exists():
            build_tiny(out.with_name('tiny-partial'))
            out.with_name('tiny-partial').rename(out)
    return out


@pytest.fixture(scope='session')
def tokenizer(tiny: Path) -> Any:
    """Its tokenizer: the real Qwen vocabulary."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny)


@pytest.fixture(scope='session')
def processor(tiny: Path) -> Any:
    """Its processor, as the host loads it."""
    from swift.model import get_model_processor

    return get_model_processor(str(tiny), model_type='qwen2_5_vl', load_model=False)[1]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small JPEG."""
    path = tmp_path / 'picture.jpg'
    Image.effect_noise((224, 168), 60).convert('RGB').save(path)
    return path


@pytest.fixture
def o3_template(processor: Any) -> Any:
    """A function that makes an O3 template for training with the given `--loss_scale`."""
    from swift.template import get_template

    from swift_thyme.host.register import register_all

    register_all()

    def make(loss_scale: str = 'thyme', mode: str = 'train') -> Any:
        template = get_template(processor, template_type='thyme_qwen2_5_vl', loss_scale=loss_scale)
        template.set_mode(mode)
        return template

    return make


@pytest.fixture(scope='session')
def thinker(tiny: Path) -> Any:
    """A Thinker over the transformers engine whose policy is scripted; `scripted` sets the script."""
    import torch

    from scripted.policy import register_scripted
    from swift_thyme.infer import Thinker

    register_scripted()
    kwargs = {'torch_dtype': torch.float32, 'model_type': 'qwen2_5_vl'}
    return Thinker.load(tiny, template='thyme_scripted', engine_kwargs=kwargs, batch_size=16)


@pytest.fixture
def scripted(thinker: Any) -> Any:
    """A function that sets what the policy of `thinker` says: one list of generations, or several by turns."""
    from scripted.policy import Script

    template = thinker.engine._template

    def set_script(*variants: list[str]) -> Any:
        template._script = Script(variants, template.tokenizer)
        return thinker

    return set_script


@pytest.fixture(scope='session')
def synth_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty multiple-choice items with pictures, most of them with a target box."""
    from swift_thyme.data.synth import SetSpec, generate

    out = tmp_path_factory.mktemp('synth') / 'set'
    generate(SetSpec(task='find_read', n=20, canvas='1k', difficulty=(0.2, 0.4)), out)
    return out


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--all`: the whole matrix of host options (tests/host/test_matrix.py)."""
    parser.addoption('--all', action='store_true', help='run what CI leaves out, and write docs/matrix.md')
