"""`thyme judge --rules | --model M | check`."""

from __future__ import annotations

import argparse

from ...errors import ConfigError
from .rules_server import RulesServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        'action', nargs='?', choices=['serve', 'check'], default='serve', help='serve (default) or check'
    )
    parser.add_argument('--rules', action='store_true', help='serve an embedded judge that knows rules only')
    parser.add_argument('--model', help='serve this model (a path or hub name)')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default: %(default)s)')
    parser.add_argument(
        '--port', type=int, default=8080, help='port to listen on; 0 for a free one (default: %(default)s)'
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    if args.rules:
        return _serve_rules(args.host, args.port)
    raise ConfigError('nothing to serve: got neither --rules nor --model; expected one of them; add one')


def _serve_rules(host: str, port: int) -> int:
    with RulesServer(host, port) as server:
        print(f'judge (rules only) at http://{host}:{server.server_port}/v1', flush=True)
        print(f'use it with: export REWARD_API_ADDRESS={host} QWEN_API_PORT={server.server_port}', flush=True)
        server.serve_forever()
    return 0
