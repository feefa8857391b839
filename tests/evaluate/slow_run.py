"""An evaluation whose policy takes a while, for a test that kills it."""

from __future__ import annotations

import time
from pathlib import Path

from swift_thyme.engines import Conversation
from swift_thyme.evaluate import EvalSettings
from swift_thyme.evaluate.session import Plan, describe_policy, evaluate
from swift_thyme.evaluate.sources import load
from swift_thyme.infer import InferSettings, Thinker

from .scripted import ScriptedEngine, answering


def main(data: str, work: str) -> None:
    def speak(conversation: Conversation) -> str:
        time.sleep(0.1)
        return answering('A')

    engine = ScriptedEngine(speak)
    items = load(Path(data), Path(work))
    plan = Plan(items, ['set'], EvalSettings(), describe_policy('slow', InferSettings()))
    evaluate(plan, Thinker(engine), Path(work) / 'run')
    print(len(engine.asked))
