"""Serves the demo for the browser tests, over a scripted policy in this process.

    python -m tests.view.demo_server --model TINY --example PICTURE

Prints the address. Then every line on stdin is a JSON list of variants, which becomes the script, or `null`; the reply
is one line of JSON: what is under way. Ends with stdin.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--model', required=True)
    parser.add_argument('--example', type=Path, required=True)
    args = parser.parse_args()
    import torch

    from scripted.policy import Script, register_scripted
    from swift_thyme.demo.web.app import Example, build_app, launch
    from swift_thyme.demo.web.open_questions import OpenQuestions
    from swift_thyme.demo.web.sources import Local
    from swift_thyme.infer import Thinker
    from swift_thyme.sandbox import shared_sandbox

    register_scripted()
    thinker = Thinker.load(args.model, template='thyme_scripted', engine_kwargs={'torch_dtype': torch.float32})
    template = thinker.engine._template
    questions = OpenQuestions(Local(thinker))
    examples = [Example(args.example, 'Which number is on the sign?')]
    app = build_app(questions, name='scripted', examples=examples)
    print(launch(app, questions, host='127.0.0.1', port=None, examples=examples), flush=True)
    for line in sys.stdin:
        script = json.loads(line)
        if script is not None:
            template._script = Script(script, template.tokenizer)
        print(json.dumps({'under_way': questions.under_way, 'sandbox': shared_sandbox().stats()}), flush=True)
    questions.close()
    os._exit(0)  # the servers of Gradio and the engine have threads of their own


if __name__ == '__main__':
    main()
