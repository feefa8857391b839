"""`thyme serve` in a process of its own, for as long as a harness needs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ...env import child_env
from ...errors import ThymeError

_READY = re.compile(r'serving on (http://\S+)/v1')
_LOOK_EVERY_S = 0.2
_START_S = 1800.0
"""How long loading a model may take."""
_FINGERPRINT_S, _READY_S = 600.0, 60.0
"""How long replies may take; the first card of a model waits for the fingerprint of its weights."""
_STOP_S = 150.0
"""Longer than the server's own grace for requests under way."""


@contextmanager
def served(arguments: Sequence[str], log: Path) -> Iterator[str]:
    """Runs `thyme serve` on a free loopback port, without a key; yields its base URL, `/v1` included.

    Args:
        arguments: of `thyme serve`, without host and port.
        log: gets what it prints.

    Raises:
        ThymeError: it ended or did not get ready; the message names the log.
    """
    command = [sys.executable, '-m', 'swift_thyme.cli', 'serve', *arguments, '--host', '127.0.0.1', '--port', '0']
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('w', encoding='utf-8') as output:
        environment = child_env(PYTHONUNBUFFERED='1', THYME_API_KEY='')
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            yield f'{_address(process, log)}/v1'
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address that the server prints once it takes requests."""
    end = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < end:
        said = _READY.search(log.read_text(encoding='utf-8', errors='replace'))
        if said and is_ready(said.group(1)):
            return said.group(1)
        if said:
            break
        time.sleep(_LOOK_EVERY_S)
    raise ThymeError(f'`thyme serve` did not get ready: got exit code {process.poll()}; expected a server; see {log}')


def served_card(base_url: str, name: str | None = None) -> dict[str, Any]:
    """What a server says of a model: its `id`, and of a `thyme serve` its policy under `thyme`.

    Args:
        base_url: `/v1` included.
        name: of the model; by default the first that the server lists.

    Raises:
        ThymeError: it lists none, or does not answer.
    """
    try:
        url = f'{base_url.rstrip("/")}/models'
        found = httpx.get(f'{url}/{name}' if name else url, timeout=_FINGERPRINT_S)
        card: dict[str, Any] = found.raise_for_status().json()
        return card if name else served_card(base_url, str(card['data'][0]['id']))
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise ThymeError(
            f'{base_url} lists no model: got {type(error).__name__}: {error}; expected a running `thyme serve`; '
            f'check the address, /v1 included'
        ) from error


def is_ready(address: str) -> bool:
    """Whether a server's `/ready` answers with success.

    Args:
        address: `http://host:port`, without a path.
    """
    try:
        return httpx.get(f'{address}/ready', timeout=_READY_S).is_success
    except httpx.HTTPError:
        return False


def newly_sampled(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How a `thyme serve` was told to sample between two of its cards, with the number of requests of each kind."""

    def counted(card: Mapping[str, Any]) -> dict[str, int]:
        return {
            json.dumps({key: value for key, value in one.items() if key != 'requests'}): int(one['requests'])
            for one in card.get('sampled', ())
        }

    known = counted(before)
    counts = {kind: n - known.get(kind, 0) for kind, n in counted(after).items()}
    return [{**json.loads(kind), 'requests': n} for kind, n in counts.items() if n > 0]
