"""Every conformance case, one test each."""

from __future__ import annotations

import asyncio

import pytest

from swift_thyme.sandbox.conformance import CASES, check


def test_names_are_unique():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize('case', CASES, ids=[case.name for case in CASES])
def test_case(case, sandbox, world):
    assert asyncio.run(check(case, sandbox, world)) == []
