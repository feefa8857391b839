"""What `benchmarks/serving.py` starts: servers whose model sleeps and then says what a script says.

    python benchmarks/scripted/serving.py serve TURNS DELAY_S [flags of `thyme serve`]
    python benchmarks/scripted/serving.py upstream TURNS DELAY_S --port PORT

TURNS is a JSON list of what the model says up to each sandbox output. `serve` is `thyme serve` with an engine in its
process, `upstream` a server with OpenAI's chat API for `thyme serve --url`. HTTP, admission, loop and sandbox are real.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from swift_thyme import protocol
from swift_thyme.engines import Conversation, Engine, FinishReason, Generation, Sampling, Usage
from swift_thyme.infer import Thinker
from swift_thyme.serve.app import make_app
from swift_thyme.serve.cli import add_arguments, settings_from
from swift_thyme.serve.run import run_app


class SleepingEngine(Engine):
    """Sleeps and says the next turn; any number of conversations at a time, as a batch on a GPU would."""

    name = 'scripted'

    def __init__(self, turns: list[str], delay_s: float, *, decodes: bool = False) -> None:
        """
        Args:
            turns: what is said in each round; the last one again where there are more.
            delay_s: of a round.
            decodes: whether it decodes the prompt's pictures once, as the engines with a model in the process do.
        """
        self._turns, self._delay_s, self.decodes_pictures = turns, delay_s, decodes

    async def generate(
        self, conversation: Conversation, sampling: Sampling, on_text: Callable[[str], None] | None = None
    ) -> Generation:
        """See `Engine.generate`."""
        if self.decodes_pictures and not conversation.rounds:
            for picture in conversation.images:
                assert isinstance(picture, Path)
                await asyncio.to_thread(lambda path: Image.open(path).convert('RGB'), picture)
        await asyncio.sleep(self._delay_s)
        text = self._turns[min(len(conversation.rounds), len(self._turns) - 1)]
        if on_text is not None:
            on_text(text)
        return Generation(text, FinishReason.STOP, Usage(100, len(text) // 4))

    async def aclose(self) -> None:
        """See `Engine.aclose`."""


def upstream(turns: list[str], delay_s: float) -> Starlette:
    """An OpenAI server that streams the turn after the last sandbox output of the message that it is to continue."""

    async def models(request: Request) -> Response:
        return JSONResponse({'object': 'list', 'data': [{'id': 'scripted', 'object': 'model'}]})

    async def chat(request: Request) -> Response:
        last = (await request.json())['messages'][-1]
        begun = json.dumps(last['content']) if last['role'] == 'assistant' else ''
        text = turns[min(begun.count(protocol.SANDBOX_CLOSE), len(turns) - 1)]

        async def pieces() -> AsyncIterator[str]:
            for piece, finish in ((text[: len(text) // 2], None), (text[len(text) // 2 :], 'stop')):
                await asyncio.sleep(delay_s / 2)
                choice = {'index': 0, 'delta': {'content': piece}, 'finish_reason': finish}
                yield f'data: {json.dumps({"choices": [choice]})}\n\n'
            yield 'data: [DONE]\n\n'

        return StreamingResponse(pieces(), media_type='text/event-stream')

    return Starlette(routes=[Route('/v1/models', models), Route('/v1/chat/completions', chat, methods=['POST'])])


def main() -> None:
    """Runs one of the two until it is told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument('kind', choices=['serve', 'upstream'])
    parser.add_argument('turns', type=json.loads)
    parser.add_argument('delay_s', type=float)
    parser.add_argument('--decodes', action='store_true')
    add_arguments(parser)
    args = parser.parse_args()
    if args.kind == 'upstream':
        uvicorn.run(upstream(args.turns, args.delay_s), port=args.port, log_level='error')
        return
    engine = SleepingEngine(args.turns, args.delay_s, decodes=args.decodes)
    settings = settings_from(args)
    app = make_app(Thinker(engine), settings)
    run_app(app, args.host, args.port, grace_s=settings.grace_s, on_ready=lambda url: print(url, flush=True))


if __name__ == '__main__':
    main()
