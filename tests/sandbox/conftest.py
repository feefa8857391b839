"""One sandbox for all tests of this directory; a test that breaks its sandbox makes its own."""

from __future__ import annotations

import pytest
from hypothesis import settings

from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import ZygoteSandbox
from swift_thyme.sandbox.conformance import World

settings.register_profile('sandbox', max_examples=40, deadline=None)
settings.load_profile('sandbox')


@pytest.fixture(scope='session')
def sandbox():
    made = ZygoteSandbox(SandboxSettings(allow_tier_b=True))
    yield made
    made.close()


@pytest.fixture(scope='session')
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp('world')) as made:
        yield made


@pytest.fixture
def picture(world):
    return world.image
