"""From what a user typed to the host's command: translate, fill in, check, derive. Runs nothing.

The order matters: old flags are translated before anything is filled in, and the host's own parser sees the result.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..config import RolloutSettings
from ..engines.checkpoint import latest_checkpoint, locate, looks_local, merge_line
from ..env import read_env
from ..errors import ConfigError
from . import rows
from .batch import derive, hostfile_processes
from .fill import Stage, fill_in
from .host import Method, check
from .legacy import translate
from .options import HELP, DryRun, LaunchOptions
from .recipes import read_recipe
from .settings import LaunchSettings
from .words import Flags, read_words, to_words, to_yaml

VARIABLES = {'model': 'MODEL', 'dataset': 'DATASET', 'output_dir': 'SAVE_PATH'}
"""Flag → the variable that the scripts take it from."""
_HOST_GROUP_SIZE = 8
"""The host's default of `--num_generations`."""


@dataclass
class Job:
    """One command of the host, ready to be shown or run."""

    method: Method
    flags: Flags
    env: dict[str, str]
    """Variables of a configuration file's `ENV` that are not set."""
    settings: LaunchSettings
    options: LaunchOptions
    notes: list[str] = field(default_factory=list)
    """Lines for the user: what was translated, filled in or derived."""
    separations: list[rows.Separation] = field(default_factory=list)
    """Files to write before the command runs."""

    @property
    def words(self) -> list[str]:
        """The command as a user would type it, without variables."""
        if self.options.hostfile is not None:
            return [*self._deepspeed, *to_words(self.flags)]
        return ['swift', self.method.value, *to_words(self.flags)]

    @property
    def _deepspeed(self) -> list[str]:
        launcher = ['deepspeed', f'--hostfile={self.options.hostfile}', '--no_local_rank']
        where = dict(self.settings.shown)
        launcher += [f'--{name.lower()}={where[name]}' for name in ('MASTER_ADDR', 'MASTER_PORT') if name in where]
        return [*launcher, '--module', f'swift.cli.{self.method.value}']

    @property
    def argv(self) -> list[str]:
        """What is executed: the command with its variables, under this interpreter."""
        if self.options.hostfile is None:
            command = [sys.executable, '-m', 'swift.cli.main', *self.words[1:]]
        else:
            command = [sys.executable, '-m', 'deepspeed.launcher.runner', *self.words[1:]]
        return ['env', *(f'{name}={value}' for name, value in self.env.items()), *command]

    def __str__(self) -> str:
        shown = {**dict(self.settings.shown), **self.env}
        if self.options.dry_run is DryRun.YAML:
            return to_yaml(_relative(self.flags), shown)
        return ''.join(f'{name}={shlex.quote(value)} ' for name, value in shown.items()) + _lines(self.words)


def assemble(method: Method, words: Sequence[str], env: Mapping[str, str] | None = None) -> Job:
    """Makes the host's command of what was typed.

    Args:
        method: the host's command.
        words: `[FILE.yaml] --flag value …`, in the words of today's host or of the release.
        env: the variables; the process's by default.

    Raises:
        ConfigError: a flag or variable is missing, unknown or unusable; the message says which and what to do.
        DataError: a data set's file cannot be read.
    """
    given, file_env = read_words(words)
    asked = set(given) - set(HELP) - set(VARIABLES)
    if 'recipe' in given:
        flags, recipe_env = read_recipe(''.join(given['recipe']), method, env)
        given, file_env = {**flags, **given}, {**recipe_env, **file_env}
    options, flags = LaunchOptions.take(given)
    settings = LaunchSettings.from_env(env, file_env)
    file_env = {name: value for name, value in file_env.items() if not read_env(name, str, '', env)}
    job = Job(method, flags, file_env, settings, options)
    tested = options.recipe is not None and options.dry_run is not None and not asked
    _require(job)  # before the host is imported, which takes seconds
    if not tested:
        job.flags, more = translate(method, job.flags, o3=options.o3)
        job.notes += more
    _weights(job)
    if method.trains:
        _data_sets(job)
    if options.o3:
        job.flags, more = fill_in(method, job.flags, options.stage)
        job.notes += more
    elif method.trains:
        job.notes.append(f'no --O3 true: this is plain `swift {method.value}`, nothing of Thyme is filled in')
    if not tested:  # tests hold the recipes against the host's parser, which takes seconds to import
        check(method, job.flags)
    if method.trains:
        _accumulation(job)
        _place(job)
        _resume(job)
    _pictures(job)
    _paths(job)
    _machine(job)
    return job


def _require(job: Job) -> None:
    """A training needs a model, rows and a place; an empty one is a variable that is not set."""
    method, flags, recipe = job.method, job.flags, job.options.recipe
    for name, variable in VARIABLES.items():
        values = flags.get(name)
        empty = values is not None and not any(value.strip() for value in values)
        stands_in = {'dataset': 'cached_dataset', 'model': 'adapters'}.get(name)
        optional = not method.trains or (name == 'output_dir' and not recipe) or stands_in in flags
        if values is None and not optional and recipe and job.options.dry_run:
            flags[name] = (f'${variable}',)
            job.notes.append(f'{variable} is not set: {_EXPECTED[name]}')
            continue
        if empty or (values is None and not optional):
            raise ConfigError(
                f'--{name} has no value: got {"an empty one" if empty else "none"}; expected '
                f'{_EXPECTED[name]}; set {variable} in front of the script, or give --{name}'
            )


_EXPECTED = {
    'model': 'a checkpoint folder or a hub id such as Qwen/Qwen2.5-VL-7B-Instruct',
    'dataset': 'files of rows, or a folder that `thyme prepare` wrote',
    'output_dir': 'a folder for checkpoints and logs',
}


def _weights(job: Job) -> None:
    """Puts the newest checkpoint of a run in the place of its folder, and an adapter where the host takes adapters."""
    named, adapters = (''.join(job.flags.get(flag, ())) for flag in ('model', 'adapters'))
    if not (named or adapters) or named.startswith('$') or len(job.flags.get('adapters', ())) > 1:
        return
    try:
        found = locate(named, adapters)
    except ConfigError as error:
        if job.options.dry_run is None:
            raise
        job.notes.append(str(error))
        return
    job.notes += [found.note] if found.note else []
    job.flags['model'] = (found.model,)
    if found.adapter:
        for name, value in found.model_arguments.items():
            job.flags.setdefault(name, (value,))
        _adapter(job, found.adapter)


def _adapter(job: Job, adapter: str) -> None:
    """An adapter goes on being trained; RL's penalty is measured from what it was when RL began."""
    flags = job.flags
    if job.method is Method.ROLLOUT:
        flags.pop('adapters', None)
        job.notes.append(f'the server begins without {adapter}: the trainer sends it weights with the adapter in them')
        return
    if job.method.trains and flags.get('tuner_type', ('lora',)) == ('full',):
        raise ConfigError(
            f'--tuner_type full cannot begin with a LoRA adapter, which the host would leave out: got {adapter}; '
            f'{merge_line(adapter)}, and give --model MERGED, or use --tuner_type lora'
        )
    flags['adapters'] = (adapter,)
    no_penalty = 'beta' in flags and not set(''.join(flags['beta'])) - set('0.')
    if job.method is Method.RLHF and not no_penalty:
        flags.setdefault('ref_adapters', (adapter,))


def _data_sets(job: Job) -> None:
    if 'dataset' not in job.flags:
        return
    datasets = rows.expand(job.method, job.flags['dataset'], job.options.stage)
    if job.options.stage is Stage.TWO:
        folder = Path(''.join(job.flags.get('output_dir', ('output',)))) / 'separated'
        job.separations = rows.mixed(datasets, folder)
        for separation in job.separations:
            at = datasets.index(str(separation.source))
            datasets[at : at + 1] = [str(part) for part in separation.parts]
            job.notes.append(f'{separation.source} mixes rows with and without pictures: each kind is fed from a file')
    job.flags['dataset'] = tuple(datasets)


def _accumulation(job: Job) -> None:
    wanted = job.options.global_batch_size
    if wanted is None:
        return
    if 'gradient_accumulation_steps' in job.flags:
        raise ConfigError(
            'the batch is given twice: got --global_batch_size and --gradient_accumulation_steps; remove one of them'
        )
    hostfile = job.options.hostfile
    processes = job.settings.processes if hostfile is None else hostfile_processes(hostfile)
    per_device = int(job.flags.get('per_device_train_batch_size', ('1',))[-1])
    group = 1
    if job.method is Method.RLHF and job.flags.get('rlhf_type') == ('grpo',):
        group = int(job.flags.get('num_generations', (str(_HOST_GROUP_SIZE),))[-1])
    batch = derive(wanted, processes, per_device, multiple_of=group)
    job.flags['gradient_accumulation_steps'] = (str(batch.accumulation),)
    how = f'{batch.processes} processes x {batch.per_device} x {batch.accumulation} accumulated'
    if batch.total == wanted:
        job.notes.append(f'global batch {batch.total} = {how}')
    else:
        job.notes.append(
            f'global batch {batch.total} instead of {wanted}: {how}; {wanted} cannot be had with this many processes'
            + (f' in groups of {group}' if group > 1 else '')
        )


def _resume(job: Job) -> None:
    if job.flags.get('resume_from_checkpoint') != ('auto',):
        return
    folder = ''.join(job.flags.get('output_dir', ()))
    if not folder:
        raise ConfigError('--resume_from_checkpoint auto needs a place to look: got no --output_dir; give it')
    found = latest_checkpoint(Path(folder))
    del job.flags['resume_from_checkpoint']
    if found is None:
        job.notes.append(f'no complete checkpoint in {folder}: training begins at step 0')
    else:
        job.flags['resume_from_checkpoint'] = (str(found),)
        job.notes.append(f'training goes on from {found}')


def _place(job: Job) -> None:
    """Two runs in one folder would be one in every report; with `add_version` the host makes a folder for each."""
    folder = Path(''.join(job.flags.get('output_dir', ())))
    in_place = job.flags.get('add_version') == ('false',) and 'resume_from_checkpoint' not in job.flags
    if job.options.recipe is None or not in_place or job.settings.node_rank:
        return
    if not any(folder.glob('checkpoint-*')):
        return
    text = (
        f'a run is there already: got {folder} with checkpoints in it; go on with --resume_from_checkpoint auto, or '
        'name another folder'
    )
    if job.options.dry_run is None:
        raise ConfigError(text)
    job.notes.append(text)


def _pictures(job: Job) -> None:
    """An engine refuses a request with more pictures than its limit, and the run with it."""
    (given,) = job.flags.get('vllm_limit_mm_per_prompt', ('',)) or ('',)
    try:
        limit = json.loads(given)['image']
    except (ValueError, KeyError, TypeError):
        return
    returned = RolloutSettings.from_env(dict(job.settings.shown)).max_images
    if job.options.o3 and isinstance(limit, int) and limit < returned + 1:
        job.notes.append(
            f'the engine takes {limit} pictures a trajectory, but code may return {returned} beside those of the '
            f'question: set THYME_MAX_IMAGES={max(limit - 1, 0)}, or a higher --vllm_limit_mm_per_prompt'
        )


def _paths(job: Job) -> None:
    """Files that are named as paths must be there; for a dry run it is enough to say so."""
    named = [*job.flags.get('dataset', ()), *job.flags.get('external_plugins', ())]
    to_write = {str(part) for separation in job.separations for part in separation.parts}
    for name in named:
        path = Path(name.partition('#')[0]).expanduser()
        local = looks_local(name) and not name.startswith('$')
        if local and name not in to_write and not path.exists():
            if job.options.dry_run is None:
                raise ConfigError(f'no such file or folder: got {name!r}; expected it to exist; correct the path')
            job.notes.append(f'{name} does not exist here')


_LAUNCHER_SETS = ('CUDA_VISIBLE_DEVICES', 'NPROC_PER_NODE', 'NNODES', 'NODE_RANK', 'MASTER_ADDR', 'MASTER_PORT')


def _machine(job: Job) -> None:
    """Processes need a GPU each; other nodes of a hostfile get no variables but those of `.deepspeed_env`."""
    if job.options.hostfile is not None:
        names = [name for name, _ in job.settings.shown if name not in _LAUNCHER_SETS]
        if names:
            job.notes.append(f'DeepSpeed hands other nodes only what is in .deepspeed_env; put in: {" ".join(names)}')
        return
    wanted = job.settings.nproc_per_node or 1
    if job.options.dry_run is None and wanted > 1:
        import torch

        here = torch.cuda.device_count()
        if 0 < here < wanted:
            raise ConfigError(
                f'more processes than GPUs: got NPROC_PER_NODE={wanted}, {here} GPUs are visible; set NPROC_PER_NODE'
            )


def _relative(flags: Flags) -> Flags:
    """Paths below the working directory without it, so that a YAML can be kept with the project."""
    here = f'{Path.cwd()}/'
    return {name: tuple(value.removeprefix(here) for value in values) for name, values in flags.items()}


def _lines(words: Sequence[str]) -> str:
    """A command with each flag on a line of its own."""
    lines = ['']
    for word in words:
        if word.startswith('--') and lines[-1]:
            lines.append('')
        lines[-1] += (' ' if lines[-1] else '') + shlex.quote(word)
    return ' \\\n    '.join(lines)
