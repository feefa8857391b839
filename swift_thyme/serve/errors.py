"""What a client is told when a request cannot be answered: HTTP status and a body in OpenAI's form."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..errors import ThymeError

_MOST_CHARS = 1000
"""Of a message: it may repeat what a client wrote, and goes into the log as well."""


class ApiError(ThymeError):
    """A request that is answered with an error. Crosses no border but that of the HTTP reply."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        """
        Args:
            status: of HTTP, 400 to 599.
            message: for people; shortened where it is long.
            code: for programs.
            param: the part of the request that is wrong.
            retry_after_s: when to come back.
        """
        super().__init__(message if len(message) <= _MOST_CHARS else f'{message[: _MOST_CHARS - 1]}…')
        self.status = status
        self.code, self.param, self.retry_after_s = code, param, retry_after_s

    def __reduce__(self) -> tuple[Any, ...]:
        make = partial(ApiError, code=self.code, param=self.param, retry_after_s=self.retry_after_s)
        return make, (self.status, str(self))

    @property
    def body(self) -> dict[str, Any]:
        """The reply's body. `object` and `message` at the top are for the host's own client."""
        kinds = {401: 'authentication_error', 404: 'not_found_error', 429: 'rate_limit_error'}
        kind = kinds.get(self.status, 'invalid_request_error' if self.status < 500 else 'server_error')
        error = {'message': str(self), 'type': kind, 'param': self.param, 'code': self.code}
        return {'error': error, 'object': 'error', 'message': str(self)}

    @property
    def headers(self) -> dict[str, str]:
        """Of the reply."""
        return {} if self.retry_after_s is None else {'retry-after': str(self.retry_after_s)}
