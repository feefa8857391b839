"""`thyme infer --model M --image I --question Q`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import protocol

if TYPE_CHECKING:
    from .agent import Step


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument('--model', required=True, help='checkpoint folder or hub id')
    parser.add_argument('--image', action='append', default=[], help='picture; repeat for several')
    parser.add_argument('--question', required=True)
    parser.add_argument('--template', help='template type; found from the checkpoint by default')
    parser.add_argument('--max-tokens', type=int, default=2048, help='new tokens a round (default 2048)')
    parser.add_argument('--max-rounds', type=int, default=5, help='generations (default 5)')
    parser.add_argument('--temperature', type=float, default=0.0, help='of text; 0 is greedy (default)')
    parser.add_argument('--save', type=Path, metavar='DIR', help='write trajectory.json and the returned pictures here')
    parser.add_argument('--json', action='store_true', help='print one JSON object at the end instead of the text')


def run(args: argparse.Namespace) -> int:
    """Asks, shows what happens as it happens; exit code 0 only with an answer."""
    from .agent import AgentSettings
    from .infer import InferSettings, Thinker, prompt_image
    from .record import trajectory_json

    for image in args.image:
        prompt_image(Path(image))
    settings = InferSettings(args.max_tokens, args.temperature, AgentSettings(max_rounds=args.max_rounds))
    thinker = Thinker.load(args.model, template=args.template, settings=settings)
    trajectory = thinker.ask(
        args.question,
        args.image,
        on_step=None if args.json else _show,
        output_dir=args.save / 'images' if args.save else None,
    )
    record = trajectory_json(trajectory, question=args.question, images=args.image)
    if args.save:
        (args.save / 'trajectory.json').write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding='utf-8')
    if args.json:
        print(json.dumps(record, ensure_ascii=False))
    else:
        print(f'\n[{trajectory.stop_reason.value}] answer: {trajectory.answer}')
    return 0 if trajectory.answer is not None else 1


def _show(step: Step) -> None:
    print(step.turn.text, end='', flush=True)
    result = step.turn.result
    if result is None:
        return
    print(protocol.SANDBOX_OPEN, end='')
    for image in result.images:
        print(f'\n[{image.width_px}x{image.height_px} {image.path}]', end='')
    if not result.images:
        print(result.text, end='')
    print(protocol.SANDBOX_CLOSE, end='', flush=True)
    if result.repairs:
        print(f'[repaired: {", ".join(result.repairs)}]', file=sys.stderr)
