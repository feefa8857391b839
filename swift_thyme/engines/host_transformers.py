"""The host's `TransformersEngine` for many conversations at a time.

One thread owns the model. It takes what is waiting, as many as fit a batch and are sampled alike, and generates them
together; what arrives meanwhile waits for the next batch. No continuous batching: for throughput use vLLM.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from transformers.generation.streamers import BaseStreamer

from .. import protocol
from ..errors import ContextFull, EngineError, ThymeError
from .base import Conversation, Generation, Sampling, on_this_loop
from .checkpoint import Checkpoint
from .host import (
    HostBackend,
    TextOfIds,
    check_arguments,
    generation,
    host_config,
    host_request,
    prompt_error,
    template_type_of,
    with_template,
)

if TYPE_CHECKING:
    from swift.infer_engine import TransformersEngine

OnText = Callable[[str], None]


@dataclass(eq=False)
class _Job:
    conversation: Conversation
    sampling: Sampling
    on_text: OnText | None
    """Called in the engine's thread."""
    done: Future[Generation] = field(default_factory=Future)

    @property
    def alone(self) -> bool:
        """A seeded sample depends on who shares the batch, so it shares with nobody."""
        return self.sampling.seed is not None and self.sampling.temperature > 0


class TransformersBackend(HostBackend):
    """See the module's docstring and `Engine`."""

    def __init__(
        self, engine: TransformersEngine, checkpoint: Checkpoint | None = None, *, batch_size: int = 8
    ) -> None:
        """
        Args:
            engine: an engine of the host with an O3 template.
            checkpoint: what was loaded into it.
            batch_size: sequences generated at a time.

        Raises:
            ConfigError: its template is another.
        """
        super().__init__(engine, checkpoint)
        self._batch_size = batch_size
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, template: str | None, *, batch_size: int = 8, **engine_kwargs: Any
    ) -> TransformersBackend:
        """Loads a checkpoint; `engine_kwargs` are those of the host's `TransformersEngine`."""
        from swift.infer_engine import TransformersEngine
        from swift.model import get_model_processor

        check_arguments(engine_kwargs, TransformersEngine, get_model_processor)
        if checkpoint.adapter:
            engine_kwargs = {**checkpoint.model_arguments, **engine_kwargs, 'adapters': [checkpoint.adapter]}
        engine_class = with_template(TransformersEngine, template_type_of(checkpoint, template))
        return cls(engine_class(checkpoint.model, **engine_kwargs), checkpoint, batch_size=batch_size)

    async def generate(
        self, conversation: Conversation, sampling: Sampling, on_text: OnText | None = None
    ) -> Generation:
        """See `Engine.generate`."""
        if sampling.temperature == 0:
            sampling = replace(sampling, seed=None)  # means nothing, and would keep batches apart
        job = _Job(conversation, sampling, on_this_loop(on_text))
        with self._changed:
            if self._closed:
                raise EngineError('the engine is closed; load it again')
            self._waiting.append(job)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name='thyme-engine', daemon=True)
                self._thread.start()
            self._changed.notify()
        return await asyncio.wrap_future(job.done)

    async def aclose(self) -> None:
        """See `Engine.aclose`. What is under way is finished first; what waits fails."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    # In the engine's thread.

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    break
                jobs = self._take_batch()
            self._run(jobs)
        for job in self._waiting:
            _fail(job, EngineError('the engine was closed'))

    def _take_batch(self) -> list[_Job]:
        """The longest waiting job with others like it, in order; cancelled ones are dropped."""
        waiting = [job for job in self._waiting if not job.done.cancelled()]
        jobs = waiting[:1]
        if jobs and not jobs[0].alone:
            alike = [job for job in waiting[1:] if job.sampling == jobs[0].sampling]
            jobs += alike[: self._batch_size - 1]
        self._waiting = deque(job for job in waiting if job not in jobs)
        return jobs

    def _run(self, jobs: list[_Job]) -> None:
        """Generates a batch; when it fails, each job is tried alone, so that one cannot fail the others."""
        if not jobs:
            return
        try:
            results = self._generate(jobs)
        except CancelledError:  # nobody waits for the batch any more
            return
        except Exception as error:  # noqa: BLE001 -- trajectory boundary: any failure of the host fails its jobs only
            if len(jobs) == 1:
                _fail(jobs[0], self._explain(jobs[0], error))
            else:
                for job in jobs:
                    self._run([job])
            return
        for job, result in zip(jobs, results, strict=True):
            if job.done.set_running_or_notify_cancel():
                job.done.set_result(result)

    def _generate(self, jobs: list[_Job]) -> list[Generation]:
        sampling = jobs[0].sampling
        shown = _Shown(jobs, self._template.tokenizer)

        def add_streamer(kwargs: dict[str, Any]) -> dict[str, Any]:
            kwargs['inputs']['streamer'] = shown
            return kwargs

        requests = [host_request(job.conversation, self._template) for job in jobs]
        with _seeded(sampling.seed if jobs[0].alone else None):
            responses = self._engine._infer(requests, host_config(sampling), pre_infer_hook=add_streamer)
        return [shown.finish(i, self._result(response, sampling)) for i, response in enumerate(responses)]

    def _result(self, response: Any, sampling: Sampling) -> Generation:
        choice = response.choices[0]
        text = choice.message.content
        cut = choice.finish_reason == 'length' and not _is_complete(text)
        return generation(text, choice.token_ids, response.prompt_token_ids, cut=cut, template=self._template)

    def _explain(self, job: _Job, error: Exception) -> ThymeError:
        """The error to give a job that failed alone."""
        found = prompt_error(error, job.conversation)
        if found is None and isinstance(error, ValueError):
            found = self._context_full(job)
        found = found or EngineError(f'generation failed: {type(error).__name__}: {error}')
        if found is not error:
            found.__cause__ = error
        return found

    def _context_full(self, job: _Job) -> ContextFull | None:
        limit = self._engine.max_model_len
        try:
            n = len(self._template.encode(host_request(job.conversation, self._template))['input_ids'])
        except ValueError:
            return None
        if limit is None or n < limit:
            return None
        return ContextFull(f'the conversation has {n} tokens, expected fewer than the {limit} of the model; shorten it')


class _Shown(BaseStreamer):  # type: ignore[misc,no-untyped-call]
    """Gives a batch's text out as it is sampled, and ends the batch when nobody waits for it."""

    def __init__(self, jobs: Sequence[_Job], tokenizer: Any) -> None:
        self._jobs = jobs
        self._texts = [TextOfIds(tokenizer) if job.on_text is not None else None for job in jobs]
        self._prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        """Takes the prompt, shape (batch, length), then one new id a row, shape (batch,)."""
        if all(job.done.cancelled() for job in self._jobs):
            raise CancelledError
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        for job, text, token_id in zip(self._jobs, self._texts, value.tolist(), strict=True):
            if text is not None:
                _show(job, text.feed([token_id]))

    def end(self) -> None:
        """Nothing to do: `finish` shows the rest."""

    def finish(self, row: int, result: Generation) -> Generation:
        """Shows what was held back of a finished row."""
        text = self._texts[row]
        if text is not None:
            _show(self._jobs[row], text.rest(result.text))
        return result


def _show(job: _Job, text: str) -> None:
    if text and job.on_text is not None and not job.done.cancelled():
        job.on_text(text)


def _fail(job: _Job, error: ThymeError) -> None:
    if job.done.set_running_or_notify_cancel():
        job.done.set_exception(error)


def _is_complete(text: str) -> bool:
    """Whether a generation ended by a stop string with its very last token."""
    return protocol.code_at_end(text) is not None or protocol.answer_of(text) is not None


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Sets torch's seed for a block, and puts the generators back after it; without one nothing is done."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
