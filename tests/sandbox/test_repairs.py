"""Repairs as the paper makes them, off by default; and forty snippets in the style of models."""

from __future__ import annotations

import asyncio

import pytest
from PIL import Image

from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import BlockingSandbox, InputImage, ZygoteSandbox
from swift_thyme.sandbox.conformance import check
from swift_thyme.sandbox.conformance.repairs import PAPER
from swift_thyme.types import Outcome

from .model_code import PROMPT, SAMPLES


@pytest.fixture(scope='module')
def as_paper():
    made = ZygoteSandbox(SandboxSettings.from_env({'THYME_REPAIRS': 'paper'}))
    yield made
    made.close()


@pytest.mark.parametrize('case', PAPER, ids=lambda case: case.name)
def test_the_papers_repairs_are_a_mode(case, as_paper, world):
    assert asyncio.run(check(case, as_paper, world)) == []


def test_a_repair_without_that_mode_is_a_config_error():
    from swift_thyme.errors import ConfigError
    from swift_thyme.sandbox.repair import resolve

    with pytest.raises(ConfigError, match='indentation=paper'):
        resolve({'indentation': 'paper'})


@pytest.mark.parametrize('sample', SAMPLES, ids=lambda sample: sample.name)
def test_code_of_models_gives_what_its_author_wants(sample, sandbox, picture):
    blocking = BlockingSandbox(sandbox)
    with blocking.open([InputImage(picture, PROMPT)]) as session:
        for wish in sample.wishes:
            result = session.run(wish.code)
            assert (result.outcome is not Outcome.OK) == wish.fails, result.text
            assert all(words in result.text for words in wish.says), result.text
            sizes = []
            for image in result.images:
                with Image.open(image.path) as opened:
                    opened.load()
                    sizes.append(opened.size)
            assert len(sizes) == len(wish.sizes), result.text
            assert all(wanted in ((0, 0), size) for wanted, size in zip(wish.sizes, sizes, strict=True)), sizes
