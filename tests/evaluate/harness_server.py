"""Serves a scripted policy over the real server, for harnesses that run in other processes.

    python -m tests.evaluate.harness_server SYNTH_FOLDER KNOWN

It answers the first KNOWN items right and the others wrong, crops first for every second one, and words its answers in
the ways that models do: a letter, a letter with its text, the text alone; every third one without answer tags.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from swift_thyme import protocol
from swift_thyme.engines import Conversation
from swift_thyme.evaluate.items import Item
from swift_thyme.evaluate.sources import load
from swift_thyme.infer import Thinker
from swift_thyme.rewards.rules.choice import options_of
from swift_thyme.serve.app import make_app
from swift_thyme.serve.run import run_app
from swift_thyme.serve.settings import ServeSettings

from .scripted import ScriptedEngine, Speak, answering, asked_text

FORMS = ('{letter}', '{letter}. {text}', '{text}', '({letter}) {text}')
CROP = 'from PIL import Image\nImage.open(image_path).crop((0, 0, 90, 80)).save("c.png")\nprint("c.png")'


def answers(items: list[Item], known: int) -> Speak:
    def speak(conversation: Conversation) -> str:
        asked = asked_text(conversation)
        found = [(i, item) for i, item in enumerate(items) if item.question in asked]
        if not found:  # the server's trial before it listens
            return answering('ready')
        (number, item), *_ = found
        if number % 2 and not conversation.rounds:
            return f'<think>Closer. {protocol.CODE_OPEN}\n{CROP}\n{protocol.CODE_CLOSE}'
        options = options_of(asked)
        right = next(letter for letter, text in options.items() if text == item.answer)
        letter = right if number < known else next(one for one in options if one != right)
        words = FORMS[number % len(FORMS)].format(letter=letter, text=options[letter])
        return answering(words) if number % 3 else f'<think>It says so.</think> {words}'

    return speak


def main() -> None:
    folder, known = Path(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as inputs:
        thinker = Thinker(ScriptedEngine(answers(load(folder, Path(inputs)), known)))
        app = make_app(thinker, ServeSettings(names=('thyme',), letters=True))
        run_app(app, '127.0.0.1', 0, grace_s=5, on_ready=lambda url: print(f'serving on {url}/v1', flush=True))


if __name__ == '__main__':
    main()
