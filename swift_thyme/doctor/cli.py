"""`thyme doctor`: runs every check and prints what it found: one line each, and what to do where it is not well."""

from __future__ import annotations

import argparse

from .checks import CHECKS
from .finding import State


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument('-v', '--verbose', action='store_true', help='details of what is well, too')


def run(args: argparse.Namespace) -> int:
    """Prints all findings; returns 1 when a check failed."""
    findings = [check() for check in CHECKS]
    for finding in findings:
        print(f'[{finding.state.value}] {finding.name}: {finding.text}')
        if finding.state is not State.OK or args.verbose:
            for line in finding.details:
                print(f'    {line}')
    return int(any(finding.state is State.FAILED for finding in findings))
