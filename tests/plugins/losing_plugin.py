"""For `--external_plugins` in tests: the scripted policy, and a sandbox that loses every session that runs `# lost`."""

from typing import Any

import scripted_plugin  # noqa: F401

from swift_thyme.errors import SessionDead
from swift_thyme.sandbox.zygote_backend import ZygoteSession

LOST = '# lost'
_run = ZygoteSession.run


async def _lose(session: ZygoteSession, code: str, **kwargs: Any) -> Any:
    if LOST in code:
        raise SessionDead('the session was killed from outside')
    return await _run(session, code, **kwargs)


ZygoteSession.run = _lose  # type: ignore[method-assign]
