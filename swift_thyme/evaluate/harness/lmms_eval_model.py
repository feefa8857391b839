"""A model class for lmms-eval, found by its entry point group `lmms_eval.models`.

    lmms-eval --model thyme --model_args model=CHECKPOINT,backend=vllm --tasks vstar_bench

Imports lmms-eval, so only that may import it; `lmms_eval_manifest` is what the entry point names.
"""

from __future__ import annotations

import argparse
import asyncio
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmms_eval.api.model import lmms
from PIL import Image
from tqdm import tqdm

from ...errors import ConfigError, ThymeError
from ...infer import Question, Reply, Thinker
from ...infer.options import add_model_arguments, add_sampling_arguments, flags_of, thinker_from
from ...rewards.rules.choice import letter_of


class ThymeLmms(lmms):  # type: ignore[misc]
    """A checkpoint with the loop around it."""

    is_simple = False

    def __init__(self, concurrency: int = 8, **options: Any) -> None:
        """
        Args:
            concurrency: questions under way at a time.
            options: flags of `thyme infer` by name (`model`, `backend`, `max_tokens`, …); others are not accepted,
                but for `batch_size` and `device`, which lmms-eval always hands over.

        Raises:
            ConfigError: a flag is not known, or cannot be read.
        """
        super().__init__()
        for ours in ('device', 'max_batch_size'):
            options.pop(ours, None)
        self._thinker: Thinker = thinker_from(_parsed(options))
        self._concurrency = int(concurrency)

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Answers every request: the bare answer, or the letter it takes.

        Raises:
            ThymeError: engine or sandbox failed; lmms-eval would take anything else for an answer.
        """
        return asyncio.run(self._answer(requests))

    async def _answer(self, requests: Sequence[Any]) -> list[str]:
        slots = asyncio.Semaphore(self._concurrency)
        with tqdm(total=len(requests), desc='Model Responding', disable=self.rank != 0) as bar:

            async def one(request: Any) -> str:
                async with slots:
                    question = self._question(request)
                    reply: Reply = await self._thinker.answer(question)
                bar.update()
                if reply.error:
                    raise ThymeError(f'no answer: got {reply.error}; expected one; mend the cause and run it again')
                return letter_of(question.text, reply.given_answer)

            return list(await asyncio.gather(*(one(request) for request in requests)))

    def _question(self, request: Any) -> Question:
        """A request's chat messages as a question; its generation settings are hints that ours replace."""
        _, to_messages, _, number, task, split = request.args
        texts: list[str] = []
        images: list[Path | bytes] = []
        for message in to_messages(self.task_dict[task][split][number]):
            for part in message['content']:
                if part['type'] == 'text':
                    texts.append(part['text'])
                elif part['type'] == 'image':
                    images.append(_picture(part['url']))
                else:
                    raise ConfigError(
                        f'{task} asks about {part["type"]}: expected text and pictures; choose another task'
                    )
        return Question('\n'.join(texts), tuple(images))

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Not possible: a trajectory with code has no likelihood of a given continuation.

        Raises:
            ConfigError: always.
        """
        raise ConfigError('this task compares log-likelihoods: expected one that generates; choose another task')

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[str]:
        """Not possible: lmms-eval's rounds are a dialogue, ours are one answer.

        Raises:
            ConfigError: always.
        """
        raise ConfigError('this task is a dialogue of several rounds: expected one question; choose another task')


def _parsed(options: dict[str, Any]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    try:
        args, unknown = parser.parse_known_args(flags_of(options))
    except argparse.ArgumentError as error:
        raise ConfigError(f'--model_args cannot be read: {error}; the names are those of `thyme infer`') from error
    if unknown:
        raise ConfigError(f'--model_args holds unknown names: got {" ".join(unknown)}; see `thyme infer --help`')
    return args


def _picture(image: Any) -> Path | bytes:
    if isinstance(image, Image.Image):
        buffer = io.BytesIO()
        image.convert('RGB').save(buffer, 'PNG')
        return buffer.getvalue()
    return Path(str(image))
