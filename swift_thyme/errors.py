"""The error tree: one type per boundary, so that a failure of the machinery is never taken for a wrong answer.

    ThymeError
    ├── ConfigError         a setting or command-line value is wrong            (also a ValueError)
    ├── DataError           a row, file or picture handed in by the user is bad (also a ValueError)
    ├── SandboxError        the sandbox itself failed; the snippet is not to blame
    │   ├── SandboxUnavailable  no backend can run here (kernel too old, no zygote)
    │   └── SessionDead         this session is lost; the others go on
    ├── JudgeError          no verdict could be had; the answer is not to blame
    │   ├── JudgeUnavailable    no judge gives verdicts
    │   ├── JudgeUnparsable     a reply holds no verdict
    │   ├── QuestionRefused     no verdict on this question, whatever the answer
    │   └── AnswerRefused       no verdict on this answer; others to the same question get one
    ├── EngineError         text could not be generated; question and policy are not to blame
    │   └── ContextFull         the conversation leaves no room in the model's context
    ├── MachineryDown       sandbox or too many trajectories are lost; a run stops instead of learning from the rest
    └── TrajectoryError     ids, masks, log-probs or pictures of a trajectory disagree

What a snippet does (raise, time out, run out of memory) is *not* here: that is data, see `swift_thyme.types.Outcome`.
Messages follow one form: what, got, expected, do.
"""

from __future__ import annotations


def pip_line(extra: str) -> str:
    """How to install an extra of this package, from an index and in a clone."""
    return f"pip install 'swift-thyme[{extra}]', in a clone: pip install -e '.[{extra}]'"


class ThymeError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigError(ThymeError, ValueError):
    """A setting is missing or has a value that cannot work."""


class DataError(ThymeError, ValueError):
    """A row, file or picture from the user cannot be used; the message names it."""


class SandboxError(ThymeError):
    """The sandbox's own machinery failed. Never shown to the model as output of its code."""


class SandboxUnavailable(SandboxError):
    """No sandbox backend can run on this machine, or its server process cannot be started."""


class SessionDead(SandboxError):
    """One session is lost (killed from outside, broken channel). Other sessions are not affected."""


class JudgeError(ThymeError):
    """The judge gave no usable verdict. Never scored as a wrong answer."""


class JudgeUnavailable(JudgeError):
    """No judge address gave a verdict on anything within the limits; the message lists addresses and last causes."""


class JudgeUnparsable(JudgeError):
    """A judge answered something that holds no verdict."""


class QuestionRefused(JudgeError):
    """Judges that answer other questions give no verdict on this one, whatever the answer: the data's fault."""


class AnswerRefused(JudgeError):
    """Judges give no verdict on what the policy wrote, and do on the same question without it: never better than 0."""


class EngineError(ThymeError):
    """An inference engine failed or cannot be reached. Never scored as a wrong answer."""


class ContextFull(EngineError):
    """A conversation is as long as the model's context, or longer: nothing can be generated."""


class MachineryDown(ThymeError):
    """What a run needs does not work, for longer than it waits for it; the run stops and can be resumed."""


class TrajectoryError(ThymeError):
    """Token ids, masks, log-probs, pictures or messages of one trajectory do not agree."""
