"""The run's contract: what would make a training run worthless in silence is refused before it starts.

Owns which of the host's arguments do not go with this package's template, scheduler and rewards, and what a row needs.
Looks at the rows as the host has loaded them, so whatever the host reads (`--columns`, `image` columns, messages as
JSON text) is read here. `patch.check_at_start` has every trainer call this, `thyme sft|rlhf` the first half before it;
`data.validate` looks deeper, at files.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from PIL import Image
from swift.rewards import orms
from swift.rollout import multi_turns
from swift.template import TEMPLATE_MAPPING
from swift.utils import get_logger

from .. import picture, protocol
from ..config import PAPER_REWARDS, SIGNALS, JudgeSettings, OutagePolicy, RolloutSettings, SandboxSettings
from ..data.paths import has_handle
from ..errors import ConfigError, DataError, ThymeError
from ..rewards.formula import REWARD_PARTS
from ..rewards.judge.check import until_a_judge_rules
from ..rewards.scorer import NEEDS_JUDGE, NEEDS_SOLUTION, Part
from ..sandbox import PatientSandbox, shared_sandbox
from ..trajectories import question_of, reference_of
from .arguments import remember_arguments
from .patch import watch_scoring
from .rewards import REWARDS
from .scheduler import SCHEDULER, ThymeScheduler
from .state import run_state
from .template import TEMPLATE_CLASSES, O3Mixin

logger = get_logger()

ROWS_SAMPLED = 256
"""So many rows, evenly spaced, are looked at without `--strict true`."""
PICTURES_DECODED = 32
"""Of so many of them the pictures are decoded in full; of the others the header is read."""
_LOSSES_WITHOUT_TEACHER = ('real', 'fipo')
"""Losses that the host refuses where a teacher may answer, which it takes every run for."""
_CUT = ('left', 'right')
_ANSWER_TAGS = (protocol.THINK_OPEN, protocol.CODE_OPEN, protocol.SANDBOX_OPEN, protocol.ANSWER_OPEN)


@dataclass(frozen=True)
class Run:
    """A training run as its arguments describe it."""

    args: Any
    """The host's parsed arguments."""

    def get(self, name: str, default: Any = None) -> Any:
        """An argument; commands that do not have it leave it at the default."""
        value = getattr(self.args, name, None)
        return default if value is None else value

    @property
    def kind(self) -> str:
        """`sft`, or the host's `--rlhf_type`."""
        return str(self.get('rlhf_type', 'sft'))

    @cached_property
    def uses_template(self) -> bool:
        """Whether the template is of this package."""
        meta = TEMPLATE_MAPPING.get(self.get('template'))
        return issubclass(TEMPLATE_CLASSES.get(self.get('template'), getattr(meta, 'template_cls', object)), O3Mixin)

    @cached_property
    def uses_scheduler(self) -> bool:
        """Whether the scheduler is of this package."""
        name = self.get('multi_turn_scheduler', '')
        scheduler = ThymeScheduler if name == SCHEDULER else multi_turns.get(name)
        return isinstance(scheduler, type) and issubclass(scheduler, ThymeScheduler)

    @property
    def in_server(self) -> bool:
        """Whether a rollout server generates."""
        return bool(self.get('use_vllm')) and self.get('vllm_mode') == 'server'

    @cached_property
    def parts(self) -> frozenset[Part]:
        """What this package's rewards score."""
        named = [REWARDS.get(name, orms.get(name)) for name in self.get('reward_funcs', ())]
        return frozenset(part for reward in named for part in REWARD_PARTS.get(getattr(reward, 'reward', ''), ()))


def checked_rows(pipeline: Any, load: Callable[[Any], Any]) -> Any:
    """The rows of the host's pipeline, loaded and looked at, and the machinery waited for.

    Raises:
        SystemExit: the run is refused, with the sentence.
    """
    try:
        check_arguments(pipeline.args)
        datasets = load(pipeline)
        check_run(pipeline.args, pipeline.template, datasets)
        await_machinery(pipeline.args)
    except ThymeError as error:
        raise SystemExit(f'this run cannot start: {error}') from error
    return datasets


def check_arguments(args: Any) -> None:
    """Refuses arguments under which a run would end well and be worth nothing.

    Args:
        args: the host's parsed arguments of a training command.

    Raises:
        ConfigError: the first that does not go, with what to do.
    """
    run = Run(args)
    ours = run.uses_template or run.uses_scheduler or bool(run.parts)
    for fault in _argument_faults(run) if ours else ():
        raise ConfigError(fault)


def _argument_faults(run: Run) -> Iterator[str]:
    if run.kind == 'grpo':
        yield from _grpo_faults(run)
    elif run.uses_template and run.get('truncation_strategy') in _CUT:
        yield (
            f'a row that is cut keeps its picture tokens and loses the words between them: got --truncation_strategy '
            f'{run.get("truncation_strategy")}; leave it out: rows longer than --max_length are then left out'
        )
    if run.kind == 'gkd' and (run.uses_scheduler or (run.uses_template and run.get('lmbda', 0.5) > 0)):
        yield (
            'the host’s GKD generates one turn and runs no code: got --rlhf_type gkd; use --rlhf_type grpo, or GKD on '
            'the answers of the data set: --lmbda 0 without --multi_turn_scheduler'
        )
    if run.uses_template and run.get('template_backend', 'swift') != 'swift':
        yield 'under --template_backend jinja prompts and sandbox output are trained; leave it out'
    if run.uses_template and not run.get('use_chat_template', True):
        yield 'without chat template there is neither system prompt nor turn; leave --use_chat_template false out'


def _grpo_faults(run: Run) -> Iterator[str]:
    if run.get('streaming'):
        yield (
            'with --streaming true the host puts different questions into one GRPO group, and their advantages mean '
            'nothing; leave it out: rows are mapped from disk, not held in memory'
        )
    no_loss = [f'--loss_type {run.get("loss_type")}'] if run.get('loss_type') in _LOSSES_WITHOUT_TEACHER else []
    no_loss += ['--off_policy_sequence_mask_delta'] if run.get('off_policy_sequence_mask_delta') is not None else []
    if no_loss:
        yield (
            f'the host ends {no_loss[0]} at its first loss, after the rollout: it takes every GRPO run for one that '
            'may have a teacher; leave it out, or use --loss_type grpo, bnpo, dr_grpo, dapo, cispo or sapo'
        )
    if not any(run.get(name) for name in SIGNALS):
        yield (
            f'GRPO without a reward has nothing to learn from: got no --reward_funcs; give --reward_funcs '
            f'{" ".join(PAPER_REWARDS)} (the paper’s), or your own'
        )
    if run.uses_template and not run.get('multi_turn_scheduler') and not run.in_server:
        yield (
            'nobody would run the code: got GRPO with --template thyme_… and no scheduler, so every trajectory ends at '
            'its first block of code; add --multi_turn_scheduler thyme'
        )
    if run.uses_scheduler and run.get('response_prefix'):
        yield (
            f'the host puts --response_prefix into the text and not into the ids: got {run.get("response_prefix")!r}; '
            f'leave it out, and ask for these words in --system'
        )
    yield from _limit_faults(run)


def _limit_faults(run: Run) -> Iterator[str]:
    context, completion = run.get('vllm_max_model_len'), run.get('max_completion_length', 512)
    if run.get('use_vllm') and not run.in_server and context is not None and completion >= context:
        yield (
            f'no room for a prompt: got --max_completion_length {completion} with --vllm_max_model_len {context}; '
            f'raise the second, or lower the first'
        )
    scope = run.get('completion_length_limit_scope', 'per_round')
    if run.uses_scheduler and scope == 'total' and (run.in_server or not run.get('use_vllm')):
        yield (
            '--completion_length_limit_scope total has an effect with vLLM in colocate mode only; leave it out: '
            '--max_length bounds a trajectory'
        )


def check_run(args: Any, template: Any, datasets: Iterable[Any]) -> None:
    """Checks what a run will be made of; the host has loaded it, and nothing is encoded yet.

    What rewards or callback would tell the scheduler is known from here on, whichever of them a run has.

    Args:
        args: the host's parsed arguments.
        template: the run's template.
        datasets: rows for training and for validation, each as the host has loaded them, or None.

    Raises:
        ConfigError: the template brings what the arguments must not, or log-probs are asked for that nobody can give.
        DataError: a row cannot be used.
    """
    run = Run(args)
    if run.kind == 'grpo' and run.uses_template:
        remember_arguments(args, run_state())
        watch_scoring()
    prefix = template._get_response_prefix() if run.uses_template and run.uses_scheduler else ''
    if prefix:
        raise ConfigError(
            f'the template begins every answer with {prefix!r}, which is text and no ids; leave --enable_thinking out'
        )
    for dataset in datasets:
        if hasattr(dataset, '__len__') and (run.uses_template or run.parts):
            n = check_rows(args, template, dataset)
            logger.info(f'rows looked at before the start: {n} of {len(dataset)} (all with --strict true)')


def await_machinery(args: Any) -> None:
    """Waits until a judge rules and the sandbox runs code, where the run needs them: shown, up to the outage limits.

    Args:
        args: the host's parsed arguments.

    Raises:
        ConfigError: a setting of one of them cannot work.
        JudgeError: no judge ruled within the limit, and the run is to stop then.
        MachineryDown: no snippet ran within the limit.
    """
    run, judge = Run(args), JudgeSettings.from_env()
    if NEEDS_JUDGE & run.parts and judge.outage is OutagePolicy.STOP:
        logger.info(f'waiting for a judge that rules: {", ".join(judge.shown)}')
        asyncio.run(until_a_judge_rules(judge))
    if run.uses_scheduler and not run.in_server:
        limit_s = SandboxSettings.from_env().outage_limit_s
        asyncio.run(PatientSandbox(shared_sandbox(), limit_s).until_it_works())


def check_rows(args: Any, template: Any, dataset: Any) -> int:
    """Checks a sample of a run's rows, with `--strict true` all, and every reference answer.

    Args:
        args: the host's parsed arguments.
        template: the run's template.
        dataset: rows as the host has loaded them.

    Returns:
        The number of rows looked at.

    Raises:
        DataError: the first row that cannot be used, with what to do.
    """
    run = Run(args)
    if run.kind == 'grpo' and NEEDS_SOLUTION & run.parts:
        _check_solutions(dataset)
    n = len(dataset)
    every = 1 if run.get('strict') else max(1, -(-n // ROWS_SAMPLED))
    chosen = range(0, n, every)
    decoded = chosen if run.get('strict') else chosen[:: -(-len(chosen) // PICTURES_DECODED) or 1]
    for i in chosen if run.uses_template else ():
        row = dataset[i]
        for fault in _row_faults(run, template, row, decode=i in decoded):
            raise DataError(f'row {i} of the data set ({_shown(row)}): {fault}')
    return len(chosen)


def _check_solutions(dataset: Any) -> None:
    if 'solution' not in dataset.column_names:
        raise DataError(
            f'no reference answers: got columns {", ".join(dataset.column_names)}; expected `solution`; add it, or '
            f'name the column that has them: --columns \'{{"answer": "solution"}}\''
        )
    values = list(dataset.select_columns(['solution'])['solution'])
    for i, value in enumerate(values):
        if not (reference_of(value) or '').strip():
            raise DataError(
                f'row {i} of the data set ({_shown(dataset[i])}): no reward can read this reference answer: got '
                f'solution={value!r}; expected a text or a number; correct the row, or leave it out'
            )


def _row_faults(run: Run, template: Any, row: Mapping[str, Any], *, decode: bool) -> Iterator[str]:
    messages: Sequence[Mapping[str, Any]] = row.get('messages') or []
    images = [template.located(image) for image in row.get('images') or []]
    if any(has_handle(text) for text in _texts(messages)):
        yield (
            'it names its pictures $IMAGE_0, …, which the loader of prepared sets fills in: got rows it did not load; '
            'give --dataset the folder that `thyme prepare` wrote, not a file in it'
        )
    for image in images:
        yield from _picture_faults(run, image, decode=decode)
    if run.kind == 'grpo':
        yield from _prompt_faults(run, template, row, messages, images)


def _picture_faults(run: Run, image: Any, *, decode: bool) -> Iterator[str]:
    if isinstance(image, Image.Image):
        return
    if isinstance(image, str) and image.startswith(('http://', 'https://')) and run.kind != 'grpo':
        return
    try:
        if decode:
            picture.check(image)
        else:
            picture.size(image)
    except DataError as error:
        yield str(error)


def _prompt_faults(
    run: Run, template: Any, row: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], images: list[Any]
) -> Iterator[str]:
    given = messages[-1] if messages and messages[-1]['role'] == 'assistant' else None
    if given is not None and any(tag in str(given['content']) for tag in _ANSWER_TAGS):
        yield (
            'an SFT row: its answer is written already, and GRPO samples its own; give rows that end with the question '
            '(`thyme prepare rl`, or `messages` without the answer, and `solution`)'
        )
    prompt = messages[:-1] if given is not None else messages
    if not prompt or prompt[-1]['role'] == 'assistant':
        yield 'it does not end with a question: expected a user message last; correct the row'
        return
    tags = sum(text.count(protocol.IMAGE_TAG) for text in _texts(prompt))
    if tags and tags != len(images):
        yield f'{len(images)} images for {tags} {protocol.IMAGE_TAG} tags; expected as many; correct the row'
    if (row.get('chat_template_kwargs') or {}).get('response_prefix'):
        yield 'the host puts a response_prefix into the text and not into the ids; take it out of chat_template_kwargs'
    if run.uses_scheduler:
        yield from _length_faults(run, template, row, prompt, images)


def _length_faults(
    run: Run, template: Any, row: Mapping[str, Any], prompt: Sequence[Mapping[str, Any]], images: list[Any]
) -> Iterator[str]:
    room = RolloutSettings.from_env().min_round_tokens
    tools = row.get('tools')
    tools = json.loads(tools) if isinstance(tools, str) else tools
    request = SimpleNamespace(messages=prompt, images=images, tools=tools)
    tokens, limit = template.prompt_tokens(request), template.max_length
    if limit is not None and tokens > limit and run.get('truncation_strategy') != 'delete':
        yield (
            f'its prompt has about {tokens} tokens, more than --max_length {limit}; raise it, lower MAX_PIXELS, or '
            f'leave such rows out with --truncation_strategy delete'
        )
    context = run.get('vllm_max_model_len') if run.get('use_vllm') and not run.in_server else None
    if context is not None and tokens + room > context:
        yield (
            f'its prompt has about {tokens} tokens, which leaves no room in --vllm_max_model_len {context}; raise it, '
            f'or lower MAX_PIXELS'
        )


def _texts(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (message['content'] for message in messages if isinstance(message.get('content'), str))


def _shown(row: Mapping[str, Any]) -> str:
    return f'{question_of(row.get("messages") or [])[:80]!r}'
