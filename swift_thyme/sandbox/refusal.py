"""Clear words for what the sandbox does not give: input, network, other programs.

Not a security boundary: the kernel refuses all of it anyway. This only turns a puzzling errno into a sentence that a
model can learn from. Also keeps library defaults that a fork depends on (one OpenCV thread).
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import Any, NoReturn


class Refusal(PermissionError):
    """The snippet asked for something the sandbox does not give."""


_NETWORK = 'socket.__new__ socket.connect socket.bind socket.getaddrinfo socket.gethostbyname urllib.Request'
_PROGRAMS = 'subprocess.Popen os.system os.exec os.posix_spawn'
_EVENTS = {
    **dict.fromkeys(_NETWORK.split(), 'network is not available in the sandbox'),
    **dict.fromkeys(_PROGRAMS.split(), 'starting other programs is not available in the sandbox'),
    **dict.fromkeys(('os.kill', 'os.killpg'), 'signals to processes are not available in the sandbox'),
}


def _refuse(text: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise Refusal(text)

    return refuse


def close_doors() -> None:
    """Puts the refusals of functions in place, for the life of the process and its forks."""
    builtins.input = _refuse('input() is not available in the sandbox')
    cv2 = sys.modules.get('cv2')
    if cv2 is not None:
        setattr(cv2, 'selectROI', _refuse('cv2.selectROI: nobody can answer; write the coordinates'))  # noqa: B010
        setattr(cv2, 'setNumThreads', lambda count: None)  # noqa: B010 (mypy knows no such attribute)


def refuse_event(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook that raises where a snippet asks for a program, a signal or the network."""
    text = _EVENTS.get(event)
    if text is not None and not (event == 'socket.__new__' and args[1] == 1):
        raise Refusal(text)
