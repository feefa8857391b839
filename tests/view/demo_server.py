"""Serves the demo for the browser tests, and tells on request what is under way.

    python -m tests.view.demo_server --model TINY --script SCRIPT.json      a scripted policy in this process
    python -m tests.view.demo_server --base-url URL                         against a `thyme serve`

Prints the address; then, for every line on stdin, one line of JSON; ends with stdin.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--model')
    parser.add_argument('--script')
    parser.add_argument('--base-url')
    parser.add_argument('--example', type=Path, required=True)
    args = parser.parse_args()
    from swift_thyme.demo.web.app import Example, build_app, launch
    from swift_thyme.demo.web.desk import Desk
    from swift_thyme.demo.web.sources import Local, Remote
    from swift_thyme.sandbox import local_sandbox

    source: Any = Remote.connect(args.base_url) if args.base_url else Local(scripted(args.model, args.script))
    desk = Desk(source)
    examples = [Example(args.example, 'Which number is on the sign?')]
    app = build_app(desk, name=source.name, examples=examples)
    print(launch(app, desk, host='127.0.0.1', port=None, examples=examples), flush=True)
    for _ in sys.stdin:
        sessions = {} if args.base_url else local_sandbox().stats()
        print(json.dumps({'under_way': desk.under_way, 'sandbox': sessions}), flush=True)
    desk.close()
    app.close()
    os._exit(0)


def scripted(model: str, script: str) -> Any:
    import torch

    from swift_thyme.demo.scripted import register_scripted
    from swift_thyme.infer import Thinker

    os.environ['THYME_SCRIPT'] = script
    register_scripted()
    return Thinker.load(model, template='thyme_scripted', engine_kwargs={'torch_dtype': torch.float32})


if __name__ == '__main__':
    main()
