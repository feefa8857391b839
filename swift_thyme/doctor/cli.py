"""`thyme doctor`: runs every check and prints what it found."""

from __future__ import annotations

import argparse

from .checks import CHECKS, State


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no options."""


def run(args: argparse.Namespace) -> int:
    """Prints all findings; returns 1 when a check failed."""
    findings = [check() for check in CHECKS]
    for finding in findings:
        print(f'[{finding.state.value}] {finding.name}: {finding.text}')
        for line in finding.details:
            print(f'    {line}')
    return int(any(finding.state is State.FAILED for finding in findings))
