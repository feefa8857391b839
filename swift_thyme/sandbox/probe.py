"""What this machine offers for confining snippets: the tier, why, and where session files can go."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache

from ..errors import ConfigError, SandboxUnavailable
from . import linux, seccomp
from .confine import Tier
from .syscalls import AUDIT_ARCH

_MEMORY_DIR = '/dev/shm'
_LEAST_ROOM_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """The tier of this machine and the facts it follows from."""

    tier: Tier
    reasons: tuple[str, ...]

    def require(self, *, allow_b: bool, allow_c: bool) -> Tier:
        """The tier, where sessions may be opened.

        Raises:
            SandboxUnavailable: tier B or C, and it was not allowed.
        """
        if self.tier is Tier.B and not (allow_b or allow_c):
            raise SandboxUnavailable(
                'without Landlock, model-written code can write and read wherever every user of this machine may, '
                f'without a quota, and meet the files of other sessions there: {"; ".join(self.reasons)}; use a kernel '
                'with Landlock (5.13 or newer, switched on), or set THYME_SANDBOX_ALLOW_TIER_B=1 if that does no harm'
            )
        if self.tier is Tier.C and not allow_c:
            raise SandboxUnavailable(
                f'model-written code cannot be confined here: {"; ".join(self.reasons)}; use a kernel with Landlock '
                '(5.13 or newer), or set THYME_SANDBOX_ALLOW_TIER_C=1 on a machine that holds nothing of value'
            )
        return self.tier


@lru_cache(maxsize=1)
def probe() -> Finding:
    """Tries seccomp, Landlock and a change of uid in short-lived child processes; remembers the answer."""
    machine = platform.machine()
    if platform.system() != 'Linux' or machine not in AUDIT_ARCH:
        return Finding(Tier.C, (f'{platform.system()} on {machine} is not supported',))
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = 'import sys; sys.path.insert(0, sys.argv[1]); from swift_thyme.sandbox import probe; probe.report()'
    answers = {}
    for what in ('seccomp', 'landlock', 'uid'):
        done = subprocess.run(
            [sys.executable, '-S', '-c', code, root, what], capture_output=True, text=True, check=False
        )
        answers[what] = done.stdout.strip() or f'no: {done.stderr.strip().splitlines()[-1:]}'
    return judge(answers)


def judge(answers: dict[str, str]) -> Finding:
    """The tier that follows from the three answers (each begins with `yes` or `no`)."""
    reasons = tuple(f'{what}: {text}' for what, text in answers.items())
    if not answers['seccomp'].startswith('yes'):
        return Finding(Tier.C, reasons)
    if answers['landlock'].startswith('yes'):
        return Finding(Tier.A, reasons)
    return Finding(Tier.B if answers['uid'].startswith('yes') else Tier.C, reasons)


def report() -> None:
    """Entry point of the child process that `probe` starts: tries `argv[2]` and writes one line."""
    trial = {'seccomp': _try_seccomp, 'landlock': _try_landlock, 'uid': _try_uid}[sys.argv[2]]
    try:
        line = 'yes: ' + trial()
    except OSError as error:
        line = f'no: {error.strerror or error}'
    sys.stdout.write(line + '\n')


def _try_seccomp() -> str:
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.install_seccomp(seccomp.session_filter(), listener=True)
    return 'filter with listener'


def _try_landlock() -> str:
    abi = linux.landlock_abi()
    if not abi:
        raise OSError(38, f'not in this kernel ({platform.release()}), switched off, or refused by the container')
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    ruleset = linux.landlock_ruleset((1 << 13) - 1, 0, 0, min(abi, 1))
    linux.landlock_restrict(ruleset)
    return f'version {abi}'


def _try_uid() -> str:
    os.setgroups([])
    os.setresgid(2_000_000_000, 2_000_000_000, 2_000_000_000)
    os.setresuid(2_000_000_000, 2_000_000_000, 2_000_000_000)
    return 'may change uid'


def choose_base_dir(wanted: str | None) -> str:
    """Where session directories are made: the wanted one, else memory with room, else the temporary directory.

    Raises:
        ConfigError: the wanted one is not a directory, or none in which directories can be made.
    """
    if wanted is not None:
        try:
            os.rmdir(tempfile.mkdtemp(prefix='thyme-', dir=wanted))
        except OSError as error:
            raise ConfigError(
                f'THYME_SANDBOX_DIR must be a directory in which others can be made, got {wanted!r} '
                f'({error.strerror}); make it or unset the variable'
            ) from error
        return os.path.abspath(wanted)
    if os.path.isdir(_MEMORY_DIR) and os.access(_MEMORY_DIR, os.W_OK):
        room = os.statvfs(_MEMORY_DIR)
        if room.f_bavail * room.f_frsize >= _LEAST_ROOM_BYTES:
            return _MEMORY_DIR
    return tempfile.gettempdir()
