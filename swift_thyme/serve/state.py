"""What all requests of a server share: its parts, its counts, and who may ask for which model."""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request

from ..engines import Sampling
from ..infer import Thinker
from .admission import Admission
from .errors import ApiError
from .intake import Intake
from .metrics import Metrics
from .readiness import Readiness
from .settings import ServeSettings


def require_json(headers: Headers) -> None:
    """Refuses a body that is not called JSON: only that a page cannot send anywhere without asking first (CORS).

    A body that is called nothing is taken from programs; a page names its origin.

    Raises:
        ApiError: it is of another kind (415).
    """
    kind = headers.get('content-type', '').partition(';')[0].strip().lower()
    if not kind.endswith(('/json', '+json')) and (kind or 'origin' in headers):
        raise ApiError(415, f'the body is {kind or "of no kind"}; send it with Content-Type: application/json')


@dataclass
class ServerState:
    """What all requests of a server share."""

    thinker: Thinker
    settings: ServeSettings
    admission: Admission
    metrics: Metrics
    intake: Intake
    readiness: Readiness
    folder: Path
    """For bodies and pictures of requests under way."""
    names: tuple[str, ...]
    sampled: Counter[Sampling | None] = field(default_factory=Counter)
    """How the engine was told to sample, and for how many requests; None: in further ways, when there are many."""
    arriving: int = 0
    """Requests that are not read yet."""
    arriving_bytes: int = 0
    """Of bodies that lie in files."""
    calls: set[asyncio.Task[Any]] = field(default_factory=set)
    """Requests under way."""
    stopping: bool = False
    """Whether the server's time is over, and that of its requests with it."""

    async def aclose(self) -> None:
        """Closes what the server has: processes, engine, sandbox."""
        await self.readiness.aclose()
        self.intake.close()
        await self.thinker.aclose()
        await self.thinker.sandbox.aclose()

    def cut_off(self) -> None:
        """Ends all requests: the server's time to stop is over."""
        self.stopping = True
        for call in list(self.calls):
            call.cancel()

    def check_key(self, request: Request) -> None:
        """Compares the client's key in constant time.

        Raises:
            ApiError: it is missing or wrong (401).
        """
        if not self.settings.api_key:
            return
        given = request.headers.get('authorization', '').partition(' ')
        right = hmac.compare_digest(given[2].strip().encode(), self.settings.api_key.encode())
        if given[0].lower() != 'bearer' or not right:
            raise ApiError(
                401, 'the API key is missing or wrong; send Authorization: Bearer KEY', code='invalid_api_key'
            )

    def check_model(self, name: str) -> None:
        """Refuses requests for another model.

        Raises:
            ApiError: there is no such model (404).
        """
        if name not in self.names:
            raise ApiError(
                404, f'no model {name!r} here; this server has {", ".join(self.names)}', code='model_not_found'
            )
