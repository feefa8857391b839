"""`thyme serve`: a model and its sandbox behind OpenAI's chat API."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..env import port, read_env
from ..errors import ConfigError
from ..infer.options import add_model_arguments, add_sampling_arguments, refuse_unwritable, thinker_from

if TYPE_CHECKING:
    from .pictures import Network
    from .settings import ServeSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    server = parser.add_argument_group('server')
    server.add_argument('--host', default='127.0.0.1', help='address to listen on (default 127.0.0.1)')
    server.add_argument('--port', type=port, default=8000, help='0 for a free one (default 8000)')
    server.add_argument('--served-model-name', action='append', default=[], metavar='NAME', help='repeat for several')
    server.add_argument('--api-key-file', type=Path, help='file with the key clients must send; or THYME_API_KEY')
    server.add_argument('--max-running', type=int, default=64, help='requests answered at a time (default 64)')
    server.add_argument('--max-waiting', type=int, default=256, help='requests that may wait (default 256), then 429')
    server.add_argument(
        '--max-snippets', '--max-sessions', type=int, default=16, help='snippets run at a time (default 16)'
    )
    server.add_argument('--max-body-mb', type=int, default=64, help='largest request, MiB (default 64)')
    server.add_argument('--max-tokens-limit', type=int, default=16384, help='most new tokens a round a client gets')
    server.add_argument('--grace-s', type=int, default=120, help='time to finish when told to stop (default 120)')
    server.add_argument('--save', type=Path, metavar='DIR', help='keep every trajectory here, a folder a request')
    server.add_argument(
        '--letters', action='store_true', help='answer choices by their letter, for benchmark harnesses'
    )
    server.add_argument(
        '--allow-origin', action='append', default=[], metavar='URL', help='pages that may ask from a browser; repeat'
    )
    pictures = parser.add_argument_group('pictures')
    pictures.add_argument(
        '--allow-image-host', action='append', default=[], metavar='HOST[:PORT]', help='fetch URLs from it; repeat; '
        '*.x.org; HOST:*')  # fmt: skip
    pictures.add_argument(
        '--allow-image-network', action='append', default=[], metavar='CIDR', help='that hosts may lie in though it is '
        'not of the open net, such as 10.0.0.0/8; repeat')  # fmt: skip
    pictures.add_argument(
        '--allow-image-dir', action='append', default=[], type=Path, metavar='DIR', help='read file:// below it; repeat'
    )
    pictures.add_argument('--max-pictures', type=int, default=16, help='of one request (default 16)')
    pictures.add_argument('--max-picture-mb', type=int, default=32, help='largest picture, MiB (default 32)')
    pictures.add_argument('--max-megapixels', type=int, default=50, help='largest picture, million px (default 50)')
    add_model_arguments(parser)
    add_sampling_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from .app import make_app
    from .run import refuse_taken, run_app

    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(levelname)s %(name)s: %(message)s')
    logging.getLogger('httpx').setLevel(logging.WARNING)
    settings = settings_from(args)
    refuse_taken(args.host, args.port)
    app = make_app(thinker_from(args), settings)
    run_app(app, args.host, args.port, grace_s=settings.grace_s, on_ready=_ready)
    return 0


def _ready(url: str) -> None:
    print(f'serving on {url}/v1', flush=True)
    print('stop with Ctrl-C: requests under way are finished first', file=sys.stderr)


def settings_from(args: argparse.Namespace) -> ServeSettings:
    """The settings that the arguments give.

    Raises:
        ConfigError: one is out of range, or the key file cannot be read.
    """
    from .pictures import PictureRules
    from .settings import ServeSettings

    if args.save is not None:
        refuse_unwritable(args.save)  # now rather than with every request
    for folder in args.allow_image_dir:
        if not folder.is_dir():
            raise ConfigError(f'--allow-image-dir is no folder: got {folder}; make it first')
    return ServeSettings(
        names=tuple(args.served_model_name),
        api_key=_api_key(args.api_key_file),
        running=args.max_running,
        waiting=args.max_waiting,
        snippets=args.max_snippets,
        body_bytes=args.max_body_mb << 20,
        grace_s=args.grace_s,
        tools=not args.no_tools,
        letters=args.letters,
        save=args.save,
        origins=tuple(args.allow_origin),
        most_tokens=args.max_tokens_limit,
        pictures=PictureRules(
            hosts=tuple(args.allow_image_host),
            networks=tuple(map(_network, args.allow_image_network)),
            folders=tuple(args.allow_image_dir),
            most=args.max_pictures,
            bytes_each=args.max_picture_mb << 20,
            pixels_each=args.max_megapixels * 1_000_000,
        ),
    )


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigError(f'--allow-image-network is no network: {error}; write it as 10.0.0.0/8') from error


def _api_key(path: Path | None) -> str:
    if path is None:
        return read_env('THYME_API_KEY', str, '')
    try:
        key = path.read_text(encoding='utf-8').strip()
    except OSError as error:
        raise ConfigError(f'--api-key-file cannot be read: {error}; name a file with the key') from error
    if not key:
        raise ConfigError(f'--api-key-file is empty: got {path}; put the key into it')
    return key
