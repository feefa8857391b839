"""Settings: frozen dataclasses, each readable from environment variables (through `env`).

Every class has a `from_env` that names the variable in its error. Values given in code win over the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import urlsplit

from .env import count, job_env, member, number, parse_bool, parse_words, read_env
from .errors import ConfigError
from .types import CodeSwitch, RepetitionRule, SegmentKind, TrainCode


@dataclass(frozen=True)
class SamplingSettings:
    """Adaptive temperature sampling."""

    adaptive: bool = True
    """`THYME_ATS`: whether code is sampled at its own temperature at all."""
    code_temperature: float = 0.0
    """`THYME_CODE_TEMPERATURE`: temperature inside code; 0 takes the most likely token. Paper: 0."""
    train_code: TrainCode = TrainCode.PAPER
    """`THYME_TRAIN_CODE`: `paper`, `mask` or `exact`."""
    switch: CodeSwitch = CodeSwitch.PROCESSOR
    """`THYME_SWITCH`: `processor` or `stop_words` (for engines that take no logits processors of others)."""

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

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> SamplingSettings:
        """Reads the variables named at the fields."""
        return cls(
            adaptive=read_env('THYME_ATS', parse_bool, cls.adaptive, env),
            code_temperature=read_env('THYME_CODE_TEMPERATURE', float, cls.code_temperature, env),
            train_code=read_env('THYME_TRAIN_CODE', member(TrainCode), cls.train_code, env),
            switch=read_env('THYME_SWITCH', member(CodeSwitch), cls.switch, env),
        )

    def scale(self, text_temperature: float) -> float:
        """What logits at the text temperature are multiplied by inside code; infinity for a code temperature of 0."""
        return text_temperature / self.code_temperature if self.code_temperature > 0 else float('inf')

    def temperature(self, kind: SegmentKind, text_temperature: float) -> float:
        """The temperature at which a token of a kind is sampled."""
        return self.code_temperature if self.adaptive and kind is SegmentKind.CODE else text_temperature


@dataclass(frozen=True)
class RolloutSettings:
    """Bounds of a training rollout that the host has no flag for."""

    max_images: int = 10
    """`THYME_MAX_IMAGES`: pictures returned by code over one trajectory. Release: 10."""
    repetition_share: float = 0.5
    """`THYME_REPETITION_SHARE`: a generation that copies of one substring cover beyond this share ends. Paper: 0.5."""
    image_dir: str = ''
    """`THYME_IMAGE_DIR`: where returned pictures are kept; empty: a temporary directory of the process."""
    trajectory_mb: int = 1024
    """`THYME_TRAJECTORY_MB`: bound of `OUTPUT_DIR/trajectories`, MiB; the oldest steps go first."""
    repetition_rule: RepetitionRule = RepetitionRule.PAPER
    """`THYME_REPETITION_RULE`: `paper`, `release` or `off`."""
    min_round_tokens: int = 32
    """`THYME_MIN_ROUND_TOKENS`: a round is not begun when less room than this is left in the engine's context."""
    picture_mb: int = 1024
    """`THYME_PICTURE_MB`: bound of the decoded pictures that a process keeps for later rounds, MiB; 0: none."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> RolloutSettings:
        """Reads the variables named at the fields."""
        return cls(
            max_images=read_env('THYME_MAX_IMAGES', int, cls.max_images, env),
            repetition_share=read_env('THYME_REPETITION_SHARE', float, cls.repetition_share, env),
            image_dir=read_env('THYME_IMAGE_DIR', str, cls.image_dir, env),
            trajectory_mb=read_env('THYME_TRAJECTORY_MB', int, cls.trajectory_mb, env),
            repetition_rule=read_env('THYME_REPETITION_RULE', member(RepetitionRule), cls.repetition_rule, env),
            min_round_tokens=read_env('THYME_MIN_ROUND_TOKENS', count(1), cls.min_round_tokens, env),
            picture_mb=read_env('THYME_PICTURE_MB', count(0), cls.picture_mb, env),
        )


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


@dataclass(frozen=True)
class RewardSettings:
    """Weights of the rewards and how they are counted.

    Paper: `result * (1 + 0.5 * consistency) + 0.5 * format`. Differs from the release: `VQA_NORM` is off by default,
    as in the release's own script; its code defaults to on and then normalises judged answers only.
    """

    vqa_weight: float = 1.0
    fmt_weight: float = 0.5
    cst_weight: float = 0.5
    code_weight: float = 0.3
    vqa_prm_weight: float = 0.3
    code_prm_weight: float = 0.3
    vqa_norm: bool = False
    """Maps a score from 0…1 to -1…1 before it is weighted; likewise the next five."""
    fmt_norm: bool = False
    cst_norm: bool = False
    code_norm: bool = False
    vqa_prm_norm: bool = False
    code_prm_norm: bool = False
    convention: Convention = Convention.PAPER
    """Whose format check applies."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> RewardSettings:
        """Reads `VQA_WEIGHT`, `VQA_NORM`, … and `THYME_REWARD_CONVENTION`.

        Raises:
            ConfigError: a variable has a value that cannot be used.
        """
        env = job_env(env)
        weight = number(float('-inf'))
        return cls(
            vqa_weight=read_env('VQA_WEIGHT', weight, cls.vqa_weight, env),
            fmt_weight=read_env('FMT_WEIGHT', weight, cls.fmt_weight, env),
            cst_weight=read_env('CST_WEIGHT', weight, cls.cst_weight, env),
            code_weight=read_env('CODE_WEIGHT', weight, cls.code_weight, env),
            vqa_prm_weight=read_env('VQA_PRM_WEIGHT', weight, cls.vqa_prm_weight, env),
            code_prm_weight=read_env('CODE_PRM_WEIGHT', weight, cls.code_prm_weight, env),
            vqa_norm=read_env('VQA_NORM', parse_bool, cls.vqa_norm, env),
            fmt_norm=read_env('FMT_NORM', parse_bool, cls.fmt_norm, env),
            cst_norm=read_env('CST_NORM', parse_bool, cls.cst_norm, env),
            code_norm=read_env('CODE_NORM', parse_bool, cls.code_norm, env),
            vqa_prm_norm=read_env('VQA_PRM_NORM', parse_bool, cls.vqa_prm_norm, env),
            code_prm_norm=read_env('CODE_PRM_NORM', parse_bool, cls.code_prm_norm, env),
            convention=read_env('THYME_REWARD_CONVENTION', member(Convention), cls.convention, env),
        )


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
        host = f'[{item}]' if item.count(':') > 1 and not item.startswith('[') and '/' not in item else item
        url = urlsplit(host if '://' in host else f'http://{host}')
        if url.scheme not in ('http', 'https') or not url.hostname or url.query or url.fragment:
            raise ValueError(f'expected a host or http(s) URL, got {shown_address(item)!r}')
        path = url.path.rstrip('/').removesuffix('/chat/completions') or '/v1'
        if url.port is not None or url.path.strip('/') or (url.scheme == 'https' and not numbers):
            found.append(f'{url.scheme}://{url.netloc}{path}')
        else:
            found += [f'{url.scheme}://{url.netloc}:{port}{path}' for port in numbers or ('8080',)]
    if not found:
        raise ValueError('expected at least one address')
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class JudgeSettings:
    """Where the judges are, how they are asked, and what happens when none answers."""

    addresses: tuple[str, ...] = ('http://localhost:8080/v1',)
    """Base URLs of OpenAI-compatible servers."""
    model: str = ''
    """Name sent to the server; empty to take the first name that the server lists."""
    api_key: str = ''
    """Sent as a bearer token to addresses that name no user; never logged."""
    ca_file: str = ''
    """Certificates (PEM) that are trusted beside the system's."""
    concurrency: int = 64
    """Requests under way at a time, over all addresses, per process."""
    timeout_s: float = 60.0
    """One request, connecting included."""
    attempts: int = 3
    """Replies without a verdict after which a question is looked into: is it the question, or the judge? Release: 3."""
    votes: int = 1
    """Replies asked for each question; the majority counts. Odd."""
    temperature: float = 0.1
    max_tokens: int = 256
    outage: OutagePolicy = OutagePolicy.STOP
    outage_limit_s: float = 600.0
    """How long all questions wait while no address gives a verdict on any."""
    cure: str = 'then resume from the last checkpoint'
    """What to do after an outage, for the message."""
    cache_dir: str = '~/.cache/swift-thyme/judge'
    """Folder of verdicts already given, shared by all processes that name it; empty for none."""

    def __repr__(self) -> str:
        shown = {k: ('***' if k == 'api_key' and v else v) for k, v in self.__dict__.items()}
        shown['addresses'] = tuple(map(shown_address, self.addresses))
        return f'JudgeSettings({", ".join(f"{k}={v!r}" for k, v in shown.items())})'

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
        votes = read_env('THYME_JUDGE_VOTES', count(1, 31), cls.votes, env)
        if votes % 2 == 0:
            raise ConfigError(
                f'THYME_JUDGE_VOTES must be odd so that there is a majority, got {votes}; set it to {votes + 1}'
            )
        cache = env.get('THYME_JUDGE_CACHE', cls.cache_dir).strip()
        return cls(
            addresses=read_env('REWARD_API_ADDRESS', lambda a: judge_addresses(a, ports), default, env),
            model=read_env('THYME_JUDGE_MODEL', str, cls.model, env),
            api_key=read_env('THYME_JUDGE_API_KEY', str, cls.api_key, env),
            ca_file=read_env('THYME_JUDGE_CA_FILE', str, cls.ca_file, env),
            concurrency=read_env('THYME_JUDGE_CONCURRENCY', count(1, 4096), cls.concurrency, env),
            timeout_s=read_env('THYME_JUDGE_TIMEOUT_S', number(0.1), cls.timeout_s, env),
            attempts=read_env('THYME_JUDGE_ATTEMPTS', count(1, 100), cls.attempts, env),
            votes=votes,
            temperature=read_env('THYME_JUDGE_TEMPERATURE', number(0, 2), cls.temperature, env),
            max_tokens=read_env('THYME_JUDGE_MAX_TOKENS', count(8), cls.max_tokens, env),
            outage=read_env('THYME_JUDGE_OUTAGE', member(OutagePolicy), cls.outage, env),
            outage_limit_s=read_env('THYME_JUDGE_OUTAGE_LIMIT_S', number(0), cls.outage_limit_s, env),
            cache_dir='' if cache.lower() in ('off', 'none', '0', 'false') else cache,
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


@dataclass(frozen=True)
class SandboxSettings:
    """How model-written code is run. Limits of one session are `sandbox.Limits`; these choose between them."""

    timeout_s: float = 10.0
    """Time of one snippet, seconds; see `sandbox.Limits`. `THYME_EXEC_TIMEOUT_S`. Paper: 10."""
    memory_mib: int = 4096
    """`THYME_SANDBOX_MEMORY_MIB`."""
    rollback: bool = True
    """A snippet that fails leaves variables and files as they were. `THYME_SANDBOX_ROLLBACK`."""
    base_dir: str | None = None
    """Where session directories are made. `THYME_SANDBOX_DIR`; a memory file system with room by default."""
    allow_tier_b: bool = False
    """Run without Landlock, under one user a session, where the machine has no more: sessions write and read where all
    users may. `THYME_SANDBOX_ALLOW_TIER_B`."""
    allow_tier_c: bool = False
    """Run without confinement of paths where the machine has none. `THYME_SANDBOX_ALLOW_TIER_C`. Unsafe."""
    outage_limit_s: float = 600.0
    """How long a training run waits for a sandbox that works. `THYME_SANDBOX_OUTAGE_LIMIT_S`."""
    repairs: Mapping[str, str] = field(default_factory=dict)
    """Repair → mode; the others keep their default. `THYME_REPAIRS`, as `clamp=off,min_crop=report`, or `paper`."""
    notes: bool = True
    """Error and text results say in a line what was repaired or undone. `THYME_SANDBOX_NOTES`."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> SandboxSettings:
        """Reads the variables named under each field.

        Raises:
            ConfigError: a value does not parse.
        """
        default = cls()
        return cls(
            timeout_s=read_env('THYME_EXEC_TIMEOUT_S', _parse_positive, default.timeout_s, env),
            memory_mib=read_env('THYME_SANDBOX_MEMORY_MIB', int, default.memory_mib, env),
            rollback=read_env('THYME_SANDBOX_ROLLBACK', parse_bool, default.rollback, env),
            base_dir=read_env('THYME_SANDBOX_DIR', str, '', env) or None,
            allow_tier_b=read_env('THYME_SANDBOX_ALLOW_TIER_B', parse_bool, default.allow_tier_b, env),
            allow_tier_c=read_env('THYME_SANDBOX_ALLOW_TIER_C', parse_bool, default.allow_tier_c, env),
            outage_limit_s=read_env('THYME_SANDBOX_OUTAGE_LIMIT_S', number(0), default.outage_limit_s, env),
            repairs=read_env('THYME_REPAIRS', _parse_repairs, {}, env),
            notes=read_env('THYME_SANDBOX_NOTES', parse_bool, default.notes, env),
        )


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
class UrlSettings:
    """A server that is asked to generate."""

    api_key: str = ''
    """`THYME_URL_API_KEY`: sent as a bearer token; never logged."""

    def __repr__(self) -> str:
        return f'UrlSettings(api_key={"***" if self.api_key else ""!r})'

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> UrlSettings:
        """Reads `THYME_URL_API_KEY`."""
        return cls(api_key=read_env('THYME_URL_API_KEY', str, cls.api_key, env))


@dataclass(frozen=True)
class ServeKeySettings:
    """The key that clients of `thyme serve` must send."""

    api_key: str = ''
    """`THYME_API_KEY`; empty asks for none. Never logged."""

    def __repr__(self) -> str:
        return f'ServeKeySettings(api_key={"***" if self.api_key else ""!r})'

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> ServeKeySettings:
        """Reads `THYME_API_KEY`."""
        return cls(api_key=read_env('THYME_API_KEY', str, cls.api_key, env))
