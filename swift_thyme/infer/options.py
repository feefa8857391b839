"""Command-line arguments that say which model answers and how; shared by every command that has one.

What is given is looked at before a model is loaded, which may take minutes.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ..agent import AgentSettings
from ..config import RolloutSettings
from ..engines import Backend, Sampling
from ..engines.checkpoint import locate
from ..engines.hush import hushed
from ..env import read_env
from ..errors import ConfigError, ThymeError
from .thinker import InferSettings, Thinker

_LOG = logging.getLogger(__name__)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares which model answers, and on what."""
    group = parser.add_argument_group('model')
    group.add_argument('--model', default='', help='folder of a checkpoint, a LoRA adapter or a run (its newest '
                       'checkpoint), or a hub id; with --url a name the server knows')  # fmt: skip
    group.add_argument('--adapters', default='', metavar='FOLDER', help='LoRA adapter on top of --model')
    group.add_argument('--backend', choices=[b.value for b in Backend], help='default transformers, with --url url')
    group.add_argument('--url', metavar='URL', help="an OpenAI-compatible server's address, up to and including /v1")
    group.add_argument('--template', help='template type; found from the checkpoint by default')
    group.add_argument('--verbose', action='store_true', help="show the host's log while the model is loaded")
    group.add_argument('--batch-size', type=int, default=8, help='sequences at a time on transformers (default 8)')
    group.add_argument(
        '--engine-kwargs',
        type=_json_object,
        default={},
        metavar='JSON',
        help="""arguments of the host's engine, such as '{"torch_dtype": "float32"}'""",
    )


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares how answers are sampled."""
    group = parser.add_argument_group('how it answers')
    group.add_argument('--max-tokens', type=int, default=2048, help='new tokens a round (default 2048)')
    group.add_argument('--max-rounds', type=int, default=5, help='generations (default 5)')
    group.add_argument('--max-images', type=int, help='pictures returned by code (default THYME_MAX_IMAGES, or 10)')
    group.add_argument('--temperature', type=float, default=0.0, help='of text; 0 is greedy (default)')
    group.add_argument('--top-p', type=float)
    group.add_argument('--top-k', type=int)
    group.add_argument('--repetition-penalty', type=float)
    group.add_argument('--seed', type=int, help='makes sampling repeatable')
    group.add_argument('--no-tools', action='store_true', help='ask with prompts without tools and run no code')
    group.add_argument('--retries', type=int, default=0, help='further attempts while there is no answer (default 0)')
    group.add_argument('--retry-temperature', type=float, default=1.0, help='of those attempts (default 1.0)')
    group.add_argument('--fallback', action='store_true', help='ask once more without tools when there is no answer')


def defaults_of(*declare: Callable[[argparse.ArgumentParser], None]) -> dict[str, Any]:
    """The arguments that functions such as `add_model_arguments` declare: name → value where it is not given."""
    parser = argparse.ArgumentParser()
    for one in declare:
        one(parser)
    return vars(parser.parse_args([]))


def flags_of(values: Mapping[str, Any]) -> list[str]:
    """Values by name as the flags that give them: none for False, JSON for objects."""
    flags: list[str] = []
    for name, value in values.items():
        said = [] if value is True else [json.dumps(value) if isinstance(value, dict) else str(value)]
        flags += [f'--{name.replace("_", "-")}', *said] if value is not False else []
    return flags


def thinker_from(args: argparse.Namespace) -> Thinker:
    """The model that the arguments name, with their settings.

    Raises:
        ConfigError: no model is named or it is not there, or arguments contradict each other.
    """
    backend = Backend(args.backend or ('url' if args.url else 'transformers'))
    if (backend is Backend.URL) != bool(args.url):
        raise ConfigError(f'--backend {backend.value} and --url {args.url!r} do not go together; leave one out')
    settings = settings_from(args)
    if backend is not Backend.URL:
        resolve_model(args)
    with nullcontext() if getattr(args, 'verbose', False) else hushed():
        try:
            return Thinker.load(
                args.model,
                adapters=args.adapters,
                backend=backend,
                template=args.template,
                batch_size=args.batch_size,
                engine_kwargs=_engine_kwargs(args, backend),
                settings=settings,
            )
        except ThymeError:
            raise
        except (ValueError, OSError, RuntimeError) as error:
            _LOG.warning('%s cannot be loaded', args.model, exc_info=True)  # shown with --verbose
            said = (str(error).strip() or 'nothing').splitlines()[0][:300]
            raise ConfigError(f'{args.model} cannot be loaded: {type(error).__name__}: {said}') from error


def resolve_model(args: argparse.Namespace) -> None:
    """Puts the checkpoint that `--model` and `--adapters` mean in their place, so that a report names what was asked.

    Raises:
        ConfigError: none is named, or it is not there.
    """
    if not args.model and not args.adapters:
        raise ConfigError('no model is named; give --model FOLDER_OR_HUB_ID, --adapters FOLDER, or --url of a server')
    found = locate(args.model, args.adapters)
    if found.note:
        _LOG.warning(found.note)
    args.model, args.adapters = found.model, found.adapter
    folder = Path(found.model).expanduser()
    if folder.is_dir() and not any(any(folder.glob(kind)) for kind in ('*.safetensors', '*.bin')):
        raise ConfigError(f'no weights in {folder}: expected *.safetensors beside its config.json; download them again')


def refuse_unwritable(folder: Path) -> None:
    """Makes a folder and, for a moment, a file in it: what cannot be written is refused before a model is loaded.

    Raises:
        OSError: the machine does not allow it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(('max_tokens', 'max_rounds', 'batch_size', 'concurrency', 'repeats', 'n'), (1, float('inf'))),
    **dict.fromkeys(('max_images', 'retries', 'temperature', 'retry_temperature'), (0, float('inf'))),
    **{'top_k': (-1, float('inf')), 'top_p': (0, 1), 'repetition_penalty': (0.01, 100)},
}
"""Flag → least and largest value."""


def settings_from(args: argparse.Namespace) -> InferSettings:
    """The settings that the arguments of `add_sampling_arguments` give.

    Raises:
        ConfigError: one is out of range.
    """
    for name, (least, most) in _RANGES.items():
        value = getattr(args, name, None)
        if value is not None and not least <= value <= most:
            bound = f'from {least} to {most}' if most < float('inf') else f'>= {least}'
            raise ConfigError(f'--{name.replace("_", "-")} must be {bound}, got {value}')
    sampling = Sampling(
        args.max_tokens, args.temperature, args.top_p, args.top_k, args.repetition_penalty, seed=args.seed
    )
    bounds = RolloutSettings.from_env()
    agent = AgentSettings(
        max_rounds=args.max_rounds,
        max_images=bounds.max_images if args.max_images is None else args.max_images,
        repetition_share=bounds.repetition_share,
        repetition_rule=bounds.repetition_rule,
    )
    return InferSettings(sampling, agent, args.retries, args.retry_temperature, args.fallback)


def _engine_kwargs(args: argparse.Namespace, backend: Backend) -> dict[str, Any]:
    kwargs: dict[str, Any] = dict(args.engine_kwargs)
    if backend is Backend.URL:
        kwargs['base_url'] = args.url
        kwargs.setdefault('api_key', read_env('THYME_URL_API_KEY', str, ''))
    elif isinstance(kwargs.get('torch_dtype'), str):
        import torch

        kwargs['torch_dtype'] = getattr(torch, kwargs['torch_dtype'])
    return kwargs


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'not JSON: {error}') from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError('not a JSON object')
    return value
