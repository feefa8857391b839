"""Settings: frozen dataclasses, each readable from environment variables (through `env`).

Every class has a `from_env` that names the variable in its error. Values given in code win over the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import urlsplit

from .env import FromEnv, count, job_env, member, number, parse_bool, parse_words, read_env, setting
from .errors import ConfigError
from .types import CodeSwitch, RepetitionRule, SegmentKind, TrainCode


@dataclass(frozen=True)
class SamplingSettings(FromEnv):
    """Adaptive temperature sampling."""

    adaptive: bool = setting(True, 'THYME_ATS', parse_bool)
    """Whether code is sampled at its own temperature at all."""
    code_temperature: float = setting(0.0, 'THYME_CODE_TEMPERATURE', float)
    """Temperature inside code; 0 takes the most likely token. Paper: 0."""
    train_code: TrainCode = setting(TrainCode.PAPER, 'THYME_TRAIN_CODE', member(TrainCode))
    """`paper`, `mask` or `exact`."""
    switch: CodeSwitch = setting(CodeSwitch.PROCESSOR, 'THYME_SWITCH', member(CodeSwitch))
    """`processor` or `stop_words` (for engines that take no logits processors of others)."""

    def __post_init__(self) -> None:
        if not 0 <= self.code_temperature < float('inf'):
            raise ConfigError(
                f'code temperature must be >= 0 and finite, got {self.code_temperature}; set THYME_CODE_TEMPERATURE=0 '
                "for the paper's setting"
            )
        if self.adaptive and self.train_code is TrainCode.EXACT and self.code_temperature == 0:
            raise ConfigError(
                'THYME_TRAIN_CODE=exact needs probabilities to train with, got code temperature 0, under which every '
                'token has probability 1; set THYME_CODE_TEMPERATURE above 0, or THYME_TRAIN_CODE=paper or mask'
            )

    def scale(self, text_temperature: float) -> float:
        """What logits at the text temperature are multiplied by inside code; infinity for a code temperature of 0."""
        return text_temperature / self.code_temperature if self.code_temperature > 0 else float('inf')

    def temperature(self, kind: SegmentKind, text_temperature: float) -> float:
        """The temperature at which a token of a kind is sampled."""
        return self.code_temperature if self.adaptive and kind is SegmentKind.CODE else text_temperature


@dataclass(frozen=True)
class RolloutSettings(FromEnv):
    """Bounds of a training rollout that the host has no flag for."""

    max_images: int = setting(10, 'THYME_MAX_IMAGES', int)
    """Pictures returned by code over one trajectory. Release: 10."""
    repetition_share: float = setting(0.5, 'THYME_REPETITION_SHARE', float)
    """A generation that copies of one substring cover beyond this share ends. Paper: 0.5."""
    image_dir: str = setting('', 'THYME_IMAGE_DIR', str)
    """Where returned pictures are kept; empty: a temporary directory of the process."""
    trajectory_mb: int = setting(1024, 'THYME_TRAJECTORY_MB', int)
    """Bound of `OUTPUT_DIR/trajectories`, MiB; the oldest steps go first."""
    repetition_rule: RepetitionRule = setting(RepetitionRule.PAPER, 'THYME_REPETITION_RULE', member(RepetitionRule))
    """`paper`, `release` or `off`."""
    min_round_tokens: int = setting(32, 'THYME_MIN_ROUND_TOKENS', count(1))
    """A round is not begun when less room than this is left in the engine's context."""
    picture_mb: int = setting(1024, 'THYME_PICTURE_MB', count(0))
    """Bound of the decoded pictures that a process keeps for later rounds, MiB; 0: none."""


PICTURE_BUDGET = {
    'shortest_edge': ('MIN_PIXELS', 'IMAGE_MIN_TOKEN_NUM'),
    'longest_edge': ('MAX_PIXELS', 'IMAGE_MAX_TOKEN_NUM'),
}
"""Bound of a processor's picture size → the host's variables that set it; it reads them in small letters, too."""


class Convention(str, Enum):
    """Whose wording of a rule applies where the paper and the release differ."""

    PAPER = 'paper'
    RELEASE = 'release'


class OutagePolicy(str, Enum):
    """What becomes of a step when no judge answered within the limit."""

    STOP = 'stop'
    """Training ends with an error that names addresses and causes; it resumes from the last checkpoint."""
    NEUTRAL = 'neutral'
    """The trajectory carries no advantage; training goes on."""


PAPER_REWARDS = ('fmt_orm', 'vqa_orm', 'cst_orm')
"""Their sum is the paper's reward."""
SIGNALS = ('reward_funcs', 'reward_model', 'teacher_model', 'teacher_model_server', 'use_gym_env', 'gym_env')
"""Flags of the host of which GRPO needs one to have something to learn from."""


_WEIGHT = number(float('-inf'))


@dataclass(frozen=True)
class RewardSettings(FromEnv):
    """Weights of the rewards and how they are counted.

    Paper: `result * (1 + 0.5 * consistency) + 0.5 * format`. Differs from the release: `VQA_NORM` is off by default,
    as in the release's own script; its code defaults to on and then normalises judged answers only.
    """

    vqa_weight: float = setting(1.0, 'VQA_WEIGHT', _WEIGHT)
    fmt_weight: float = setting(0.5, 'FMT_WEIGHT', _WEIGHT)
    cst_weight: float = setting(0.5, 'CST_WEIGHT', _WEIGHT)
    code_weight: float = setting(0.3, 'CODE_WEIGHT', _WEIGHT)
    vqa_prm_weight: float = setting(0.3, 'VQA_PRM_WEIGHT', _WEIGHT)
    code_prm_weight: float = setting(0.3, 'CODE_PRM_WEIGHT', _WEIGHT)
    vqa_norm: bool = setting(False, 'VQA_NORM', parse_bool)
    """Maps a score from 0…1 to -1…1 before it is weighted; likewise the next five."""
    fmt_norm: bool = setting(False, 'FMT_NORM', parse_bool)
    cst_norm: bool = setting(False, 'CST_NORM', parse_bool)
    code_norm: bool = setting(False, 'CODE_NORM', parse_bool)
    vqa_prm_norm: bool = setting(False, 'VQA_PRM_NORM', parse_bool)
    code_prm_norm: bool = setting(False, 'CODE_PRM_NORM', parse_bool)
    convention: Convention = setting(Convention.PAPER, 'THYME_REWARD_CONVENTION', member(Convention))
    """Whose format check applies."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> RewardSettings:
        """Reads the variables named at the fields, those of `.deepspeed_env` included."""
        return super().from_env(job_env(env))


def shown_address(url: str) -> str:
    """An address for logs and messages: without the user and password that it may name."""
    head, mark, rest = url.partition('://')
    host, slash, path = (rest if mark else head).partition('/')
    return f'{head + mark if mark else ""}{host.rpartition("@")[2]}{slash}{path}'


def judge_addresses(address: str, ports: str) -> tuple[str, ...]:
    """The base URLs of the judges: every address with every port, `/v1` where no path is given.

    Args:
        address: comma list of hosts or URLs (`REWARD_API_ADDRESS`); one that names a port or a path keeps it.
        ports: comma list of ports (`QWEN_API_PORT`); empty for 8080, or for the standard port of an https address.

    Raises:
        ValueError: an address or port cannot be read; the message says which.
    """
    numbers = parse_words(ports)
    for port in numbers:
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f'expected ports from 1 to 65535 in QWEN_API_PORT, got {port!r}')
    found: list[str] = []
    for item in parse_words(address):
        bare = shown_address(item)
        host = f'[{item}]' if bare.count(':') > 1 and not bare.startswith('[') and '/' not in item else item
        url = urlsplit(host if '://' in host else f'http://{host}')
        if url.scheme not in ('http', 'https') or not url.hostname or url.query or url.fragment:
            raise ValueError(f'expected a host or http(s) URL, got {bare!r}')
        path = url.path.rstrip('/').removesuffix('/chat/completions') or '/v1'
        if url.port is not None or url.path.strip('/') or (url.scheme == 'https' and not numbers):
            found.append(f'{url.scheme}://{url.netloc}{path}')
        else:
            found += [f'{url.scheme}://{url.netloc}:{port}{path}' for port in numbers or ('8080',)]
    if not found:
        raise ValueError('expected at least one address')
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class JudgeSettings(FromEnv):
    """Where the judges are, how they are asked, and what happens when none answers."""

    addresses: tuple[str, ...] = ('http://localhost:8080/v1',)
    """Base URLs of OpenAI-compatible servers."""
    model: str = setting('', 'THYME_JUDGE_MODEL', str)
    """Name sent to the server; empty to take the first name that the server lists."""
    api_key: str = setting('', 'THYME_JUDGE_API_KEY', str)
    """Sent as a bearer token to addresses that name no user; never logged."""
    ca_file: str = setting('', 'THYME_JUDGE_CA_FILE', str)
    """Certificates (PEM) that are trusted beside the system's."""
    concurrency: int = setting(64, 'THYME_JUDGE_CONCURRENCY', count(1, 4096))
    """Requests under way at a time, over all addresses, per process."""
    timeout_s: float = setting(60.0, 'THYME_JUDGE_TIMEOUT_S', number(0.1))
    """One request, connecting included."""
    attempts: int = setting(3, 'THYME_JUDGE_ATTEMPTS', count(1, 100))
    """Replies without a verdict after which a question is looked into: is it the question, or the judge? Release: 3."""
    votes: int = setting(1, 'THYME_JUDGE_VOTES', count(1, 31))
    """Replies asked for each question; the majority counts. Odd."""
    temperature: float = setting(0.1, 'THYME_JUDGE_TEMPERATURE', number(0, 2))
    max_tokens: int = setting(256, 'THYME_JUDGE_MAX_TOKENS', count(8))
    outage: OutagePolicy = setting(OutagePolicy.STOP, 'THYME_JUDGE_OUTAGE', member(OutagePolicy))
    outage_limit_s: float = setting(600.0, 'THYME_JUDGE_OUTAGE_LIMIT_S', number(0))
    """How long all questions wait while no address gives a verdict on any."""
    cure: str = 'then resume from the last checkpoint'
    """What to do after an outage, for the message."""
    cache_dir: str = setting('~/.cache/swift-thyme/judge', 'THYME_JUDGE_CACHE', str)
    """Folder of verdicts already given, shared by all processes that name it; empty for none."""

    def __repr__(self) -> str:
        shown = {k: ('***' if k == 'api_key' and v else v) for k, v in self.__dict__.items()}
        shown['addresses'] = self.shown
        return f'JudgeSettings({", ".join(f"{k}={v!r}" for k, v in shown.items())})'

    @property
    def shown(self) -> tuple[str, ...]:
        """The addresses for logs, messages and reports."""
        return tuple(map(shown_address, self.addresses))

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> JudgeSettings:
        """Reads `REWARD_API_ADDRESS`, `QWEN_API_PORT` (comma lists) and `THYME_JUDGE_…`.

        Raises:
            ConfigError: a variable has a value that cannot be used.
        """
        env = job_env(env)
        ports = env.get('QWEN_API_PORT', '')
        default = judge_addresses('http://localhost', ports) if not ports.strip() else None
        if default is None:
            default = read_env('QWEN_API_PORT', lambda p: judge_addresses('http://localhost', p), cls.addresses, env)
        read = super().from_env(env)
        if read.votes % 2 == 0:
            raise ConfigError(
                f'THYME_JUDGE_VOTES must be odd so that there is a majority, got {read.votes}; set it to '
                f'{read.votes + 1}'
            )
        cache = env.get('THYME_JUDGE_CACHE', read.cache_dir)
        return replace(
            read,
            addresses=read_env('REWARD_API_ADDRESS', lambda a: judge_addresses(a, ports), default, env),
            cache_dir='' if cache.strip().lower() in ('', 'off', 'none', '0', 'false') else read.cache_dir,
        )

    @classmethod
    def for_shell(cls, cure: str) -> JudgeSettings:
        """As `from_env`, for a command that somebody waits for: an outage ends it after 10 s unless the limit is set.

        Args:
            cure: what to do without a judge.
        """
        settings = cls.from_env()
        limit_s = settings.outage_limit_s if 'THYME_JUDGE_OUTAGE_LIMIT_S' in job_env(None) else 10.0
        return replace(settings, outage_limit_s=limit_s, cure=cure)


def _parse_positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float('inf'):
        raise ValueError('expected a number > 0')
    return value


def _parse_repairs(text: str) -> dict[str, str]:
    modes = {}
    for entry in text.split(','):
        name, _, mode = entry.strip().partition('=')
        if name == 'paper' and not mode:
            modes.update(dict.fromkeys(('image_path', 'clamp', 'min_crop'), 'paper'))
            continue
        if mode not in ('off', 'report', 'on', 'paper'):
            raise ValueError(f'{entry.strip()!r} is neither paper nor NAME=off|report|on|paper')
        modes[name] = mode
    return modes


@dataclass(frozen=True)
class SandboxSettings(FromEnv):
    """How model-written code is run. Limits of one session are `sandbox.Limits`; these choose between them."""

    backend: str = setting('local', 'THYME_SANDBOX', str)
    """Whose processes run it: `local`, `ray`, the name of an entry point, or `module:Class` (`sandbox.backends`)."""
    timeout_s: float = setting(10.0, 'THYME_EXEC_TIMEOUT_S', _parse_positive)
    """Time of one snippet, seconds; see `sandbox.Limits`. Paper: 10."""
    memory_mib: int = setting(4096, 'THYME_SANDBOX_MEMORY_MIB', int)
    rollback: bool = setting(True, 'THYME_SANDBOX_ROLLBACK', parse_bool)
    """A snippet that fails leaves variables and files as they were."""
    base_dir: str | None = setting(None, 'THYME_SANDBOX_DIR', str)
    """Where session directories are made. `THYME_SANDBOX_DIR`; a memory file system with room by default."""
    allow_tier_b: bool = setting(False, 'THYME_SANDBOX_ALLOW_TIER_B', parse_bool)
    """Run without Landlock, under one user a session, where the machine has no more: sessions write and read where all
    users may."""
    allow_tier_c: bool = setting(False, 'THYME_SANDBOX_ALLOW_TIER_C', parse_bool)
    """Run without confinement of paths where the machine has none. Unsafe."""
    outage_limit_s: float = setting(600.0, 'THYME_SANDBOX_OUTAGE_LIMIT_S', number(0))
    """How long a training run waits for a sandbox that works."""
    repairs: Mapping[str, str] = field(default_factory=dict, metadata={'env': ('THYME_REPAIRS', _parse_repairs)})
    """Repair → mode; the others keep their default. `THYME_REPAIRS`, as `clamp=off,min_crop=report`, or `paper`."""
    notes: bool = setting(True, 'THYME_SANDBOX_NOTES', parse_bool)
    """Error and text results say in a line what was repaired or undone."""
