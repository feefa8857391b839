"""`thyme judge --rules | --model M | check`."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
from typing import NoReturn

from ..config import JudgeSettings
from ..engines.checkpoint import locate, merge_line
from ..env import port
from ..errors import ConfigError
from ..rewards.judge.check import AddressReport, check_all
from ..rewards.judge.launch import Launch, command, free_port
from ..rewards.judge.rules_server import RulesServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        'action', nargs='?', choices=['serve', 'check'], default='serve', help='serve (default) or check'
    )
    parser.add_argument('--rules', action='store_true', help='serve an embedded judge that knows rules only')
    parser.add_argument('--model', help='serve this model (a path or hub name)')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default: %(default)s)')
    parser.add_argument(
        '--port', type=port, default=8080, help='port to listen on; 0: a free one (default: %(default)s)'
    )
    parser.add_argument('--backend', choices=['auto', 'vllm', 'swift'], default='auto', help='what serves the model')
    parser.add_argument('--gpus', type=int, default=1, help='GPUs one server is spread over (default: %(default)s)')
    parser.add_argument(
        '--max-length', type=int, default=16384, help='context of the model, tokens (default: %(default)s)'
    )
    parser.add_argument(
        '--wait', type=float, default=10, help='check: seconds to wait for an address that does not answer'
    )
    parser.add_argument('--server-args', default='', help='further arguments for the model server, in one string')


def run(args: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    if args.action == 'check':
        return _check(args.wait)
    if args.rules and args.model:
        raise ConfigError('two judges: got --rules and --model; expected one of them; leave one out')
    if args.rules:
        return _serve_rules(args.host, args.port)
    if args.model:
        _serve_model(args)
    raise ConfigError('nothing to serve: got neither --rules nor --model; expected one of them; add one')


def _serve_rules(host: str, port: int) -> int:
    try:
        server = RulesServer(host, port)
    except OSError as error:
        raise ConfigError(f'cannot listen on {host}:{port}: {error}; choose another --port or --host') from error
    with server:
        _announce('rules only', host, server.server_port)
        server.serve_forever()
    return 0


def _serve_model(args: argparse.Namespace) -> NoReturn:
    found = locate(args.model)
    if found.adapter:
        raise ConfigError(f'a judge has whole weights: got the LoRA adapter {args.model}; {merge_line(found.adapter)}')
    port = args.port or free_port(args.host)
    extra = tuple(shlex.split(args.server_args))
    words = command(Launch(found.model, args.host, port, args.backend, args.gpus, args.max_length, extra))
    print(' '.join(words))
    _announce(f'{args.model}, once it has loaded', args.host, port)
    os.execvp(words[0], words)


def _announce(what: str, host: str, port: int) -> None:
    print(f'judge ({what}) at http://{host}:{port}/v1', flush=True)
    print(f'use it with: export REWARD_API_ADDRESS={host} QWEN_API_PORT={port}', flush=True)


def _check(wait_s: float) -> int:
    settings = JudgeSettings.for_shell('and check again')
    reports = asyncio.run(check_all(settings, wait_s))
    for report in reports:
        print(_line(report))
        for disagreement in report.disagreements:
            print(f'    disagrees: {disagreement}')
        if report.cause:
            print(f'    {report.cause}')
    return 0 if all(r.answered == r.asked for r in reports) else 1


def _line(report: AddressReport) -> str:
    if not report.answered:
        return f'{report.address}: no verdict on any of {report.asked} known pairs'
    agreed = report.answered - len(report.disagreements)
    return (
        f'{report.address}: model {report.model}, {report.answered}/{report.asked} answered, '
        f'agreement {agreed}/{report.answered}, latency p50 {1000 * report.latency_p50_s:.0f} ms, '
        f'p99 {1000 * report.latency_p99_s:.0f} ms'
    )
