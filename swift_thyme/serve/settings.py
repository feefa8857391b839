"""How a server is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ConfigError
from .pictures import PictureRules

_LEAST_S = 0.001


@dataclass(frozen=True)
class ServeSettings:
    """One server."""

    names: tuple[str, ...] = ()
    """Names under which the model is served, the first one shown; by default the model's own."""
    api_key: str = ''
    """Clients must send it as a bearer token; '' asks for none."""
    running: int = 64
    """Requests answered at a time."""
    waiting: int = 256
    """Requests that may wait beyond those; further ones get 429."""
    snippets: int = 16
    """Snippets that the sandbox runs at a time; a session, with its own process, is open for each request with code."""
    arriving: int = 1000
    """Requests whose bodies and pictures are on their way; further ones get 429. They hold up nobody."""
    body_bytes: int = 64 << 20
    arriving_bytes: int = 2 << 30
    """Bodies that lie in files at a time, bytes together."""
    client_timeout_s: float = 60.0
    """Longest time a client may take to send its body, or to read what it is sent."""
    text_chars: int = 500_000
    """All texts of a request together."""
    origins: tuple[str, ...] = ()
    """Origins of pages in browsers that may ask (CORS); `*` for all, none by default."""
    grace_s: int = 120
    """How long requests under way may take when the server is told to stop."""
    tools: bool = True
    letters: bool = False
    """Answers to multiple-choice questions are reduced to the letter they take, for benchmark harnesses."""
    save: Path | None = None
    """Folder for trajectories and their pictures, one folder a request; by default none is kept."""
    most_tokens: int = 16384
    """New tokens a round that a client may ask for; the fewest, and the default, are the model's own setting."""
    pictures: PictureRules = field(default_factory=PictureRules)

    def __post_init__(self) -> None:
        _require(self, 0, 'waiting', 'grace_s')
        counts = ('running', 'snippets', 'arriving', 'body_bytes', 'arriving_bytes', 'text_chars', 'most_tokens')
        _require(self, 1, *counts)
        _require(self, _LEAST_S, 'client_timeout_s')
        _require(self.pictures, 0, 'most')
        _require(self.pictures, 1, 'bytes_each', 'pixels_each')
        _require(self.pictures, _LEAST_S, 'fetch_timeout_s')


def _require(settings: object, least: float, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not least <= value < float('inf'):
            raise ConfigError(f'{name} must be >= {least}, got {value}')
