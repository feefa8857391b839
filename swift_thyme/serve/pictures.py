"""Pictures of a request: fetched only from where the operator allows, checked, and put into the request's folder.

A client names pictures by base64, by URL or by `file://`. Base64 is always taken. URLs are fetched only from hosts that
are allowed, without following redirects; files are read only below folders that are allowed, links resolved first.
Nothing else on the network or the disk can be reached through a request.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import io
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
from PIL import Image

from ..picture import plain, suffix
from .errors import ApiError

_FORMATS = ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'TIFF')
_MOST_ASPECT = 200
_SHOWN_CHARS = 120


@dataclass(frozen=True)
class PictureRules:
    """What is taken from a client."""

    hosts: tuple[str, ...] = ()
    """Hosts of URLs: `images.example.org`, `*.example.org`, `host:8080`; none by default."""
    folders: tuple[Path, ...] = ()
    """Folders below which `file://` may name files; none by default."""
    most: int = 16
    """Pictures of one request."""
    bytes_each: int = 32 << 20
    pixels_each: int = 50_000_000
    """Width × height, px."""
    fetch_timeout_s: float = 20.0


class PictureDesk:
    """Takes the pictures of requests."""

    def __init__(self, rules: PictureRules) -> None:
        Image.init()  # a format is known only once its reader is loaded
        self._rules = rules
        self._folders = tuple(folder.resolve() for folder in rules.folders)

    async def take(self, references: list[tuple[str, str]], folder: Path) -> tuple[Path, ...]:
        """Fetches, checks and stores pictures.

        Args:
            references: (what the client wrote, which part of the request it is), in order.
            folder: where they are put.

        Returns:
            Where they lie, in order.

        Raises:
            ApiError: one is not allowed, not there, too large or no picture (400).
        """
        if len(references) > self._rules.most:
            raise ApiError(400, f'{len(references)} pictures; this server takes at most {self._rules.most} a request')
        out = []
        for reference, param in references:
            content = await self._read(reference, param)
            out.append(await asyncio.to_thread(self._store, content, folder, param))
        return tuple(out)

    async def _read(self, reference: str, param: str) -> bytes:
        scheme = reference[:8].partition(':')[0].lower()
        if scheme in ('http', 'https'):
            try:
                return await asyncio.wait_for(self._fetch(reference, param), self._rules.fetch_timeout_s)
            except asyncio.TimeoutError as error:
                raise _bad(param, f'did not come within {self._rules.fetch_timeout_s:g} s') from error
        if scheme == 'file' or (reference.startswith('/') and len(reference) < 4096 and '.' in reference[-8:]):
            return await asyncio.to_thread(self._read_file, reference, param)
        return await asyncio.to_thread(self._decode, reference, param)

    def _decode(self, reference: str, param: str) -> bytes:
        head, comma, text = reference.partition(',')
        if not comma:
            text = reference
        elif not (head.startswith('data:') and head.endswith(';base64')):
            raise _bad(param, f'is no base64 data URL: it begins {head[:_SHOWN_CHARS]!r}')
        if len(text) > self._rules.bytes_each * 4 // 3 + 4:
            raise self._too_large(param)
        try:
            return base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error) as error:
            raise _bad(param, f'is neither a URL nor base64 ({error}): {reference[:_SHOWN_CHARS]!r}') from error

    def _read_file(self, reference: str, param: str) -> bytes:
        url = urlsplit(reference)
        path = Path(unquote(url.path)).resolve()
        inside = any(path.is_relative_to(folder) for folder in self._folders)
        if url.netloc not in ('', 'localhost') or not inside:
            raise _bad(param, 'names a file that this server may not read; its operator allows folders', 'not_allowed')
        try:
            if not path.is_file():
                raise FileNotFoundError(2, 'no such file')
            if path.stat().st_size > self._rules.bytes_each:
                raise self._too_large(param)
            return path.read_bytes()
        except OSError as error:
            raise _bad(param, f'names a file that cannot be read: {error.strerror}') from error

    async def _fetch(self, reference: str, param: str) -> bytes:
        try:
            url = httpx.URL(reference)
        except httpx.InvalidURL as error:
            raise _bad(param, f'is no URL: {error}') from error
        names = (url.host, f'{url.host}:{url.port}' if url.port else url.host)
        if url.userinfo or not any(_allows(rule, names) for rule in self._rules.hosts):
            raise _bad(param, f'is on {url.host}, which this server may not fetch from; send base64', 'not_allowed')
        content = bytearray()
        try:
            async with (
                httpx.AsyncClient(
                    timeout=self._rules.fetch_timeout_s, follow_redirects=False, trust_env=False
                ) as client,
                client.stream('GET', url) as response,
            ):
                if response.status_code != 200:
                    raise _bad(param, f'cannot be fetched: HTTP {response.status_code} (redirects are not followed)')
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > self._rules.bytes_each:
                        raise self._too_large(param)
        except httpx.HTTPError as error:
            raise _bad(param, f'cannot be fetched: {type(error).__name__}') from error
        return bytes(content)

    def _store(self, content: bytes, folder: Path, param: str) -> Path:
        if len(content) > self._rules.bytes_each:
            raise self._too_large(param)
        try:
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                width, height = image.size
                if width * height > self._rules.pixels_each:
                    raise _bad(param, f'has {width}x{height} pixels; this server takes {self._rules.pixels_each}')
                if max(width, height) > _MOST_ASPECT * min(width, height):
                    raise _bad(param, f'is {width}x{height}; the longer side may be {_MOST_ASPECT} times the shorter')
                image.load()
                ending = suffix(image.format)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise _bad(param, f'is no complete picture of a kind this server reads: {error}') from error
        shown = plain(content)
        if isinstance(shown, bytes) and shown is not content:
            content, ending = shown, '.png'
        digest = hashlib.sha256(content).hexdigest()[:16]
        path = folder / f'{digest}{ending}'
        path.write_bytes(content)
        return path

    def _too_large(self, param: str) -> ApiError:
        return _bad(param, f'is larger than the {self._rules.bytes_each >> 20} MiB that this server takes')


def _bad(param: str, what: str, code: str = 'invalid_image') -> ApiError:
    return ApiError(400, f'the picture {param} {what}', code=code, param=param)


def _allows(rule: str, names: tuple[str, str]) -> bool:
    return any(fnmatch(name.lower(), rule.lower()) for name in names)
