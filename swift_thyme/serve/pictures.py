"""Pictures of a request: taken only from where the operator allows, bounded before they are read, kept as files.

A client names pictures by base64, by URL or by `file://`. Base64 is always taken. URLs are fetched only from hosts and
ports that are allowed, without following redirects, and only from addresses of the open net or of networks that are
allowed; files are read only below folders that are allowed, links resolved first. Nothing else on the network or the
disk can be reached through a request.

The functions that look into a picture run in processes of their own (`intake`).
"""

from __future__ import annotations

import asyncio
import io
import ipaddress
import socket
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
from PIL import Image
from yarl import URL

from ..errors import DataError
from ..picture import UNREADABLE, decode_base64, is_data_url, plain, suffix
from .errors import ApiError

_FORMATS = ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'TIFF')
_MOST_ASPECT = 200
_SHOWN_CHARS = 120
_MOST_PATH_CHARS = 4096
_DEFAULT_PORTS = {'http': 80, 'https': 443}
_READ_BYTES = 1 << 16

_IPV4_PREFIXES = (bytes(12), bytes.fromhex('0064ff9b') + bytes(8))
"""First 96 bits of IPv6 addresses whose rest is an IPv4 address: `::/96` and, of NAT64, `64:ff9b::/96`."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class PictureRules:
    """What is taken from a client."""

    hosts: tuple[str, ...] = ()
    """Hosts of URLs: `images.example.org`, `*.example.org` (both at the scheme's own port), `host:8080`, `host:*`."""
    networks: tuple[Network, ...] = ()
    """Addresses outside of the open net (loopback, private, link-local) that hosts may stand for. An address that
    `hosts` itself names is allowed as well."""
    folders: tuple[Path, ...] = ()
    """Folders below which `file://` may name files; none by default."""
    most: int = 16
    """Pictures of one request."""
    bytes_each: int = 32 << 20
    pixels_each: int = 50_000_000
    """Width × height, px."""
    fetch_timeout_s: float = 20.0
    """For all pictures of a request together."""

    def too_large(self, param: str) -> ApiError:
        """The error for a picture of too many bytes."""
        return bad(param, f'is larger than the {self.bytes_each >> 20} MiB that this server takes')


@dataclass(frozen=True)
class Picture:
    """One picture of a request: where its bytes lie, or where they are to be fetched from."""

    param: str
    """The part of the request that names it."""
    path: Path
    """Of the file that has it, or will have it."""
    url: str = ''
    """Where it is still to be fetched from."""
    pixels: int = 0


def bad(param: str, what: str, code: str = 'invalid_image') -> ApiError:
    """The error for a picture that cannot be used."""
    return ApiError(400, f'the picture {param} {what}', code=code, param=param)


def read_reference(reference: str, param: str, rules: PictureRules, path: Path) -> Picture:
    """Keeps a picture that a request carries or names as a file, looked at but not decoded; a URL is left to `fetch`.

    Args:
        reference: what the client wrote.
        param: which part of the request it is.
        rules: what is taken.
        path: where the picture is kept, without its ending.

    Raises:
        ApiError: it is not allowed, not there, too large or no picture (400).
    """
    scheme = reference[:8].partition(':')[0].lower()
    if scheme in _DEFAULT_PORTS:
        return Picture(param, path, reference)
    is_path = reference.startswith('/') and len(reference) < _MOST_PATH_CHARS and '.' in reference[-8:]
    content = _read_file(reference, param, rules) if scheme == 'file' or is_path else _decode(reference, param, rules)
    return examine(content, param, rules, path)


def examine(content: bytes, param: str, rules: PictureRules, path: Path) -> Picture:
    """Checks a picture's kind and size by its header and keeps it.

    Raises:
        ApiError: it is too large or no picture (400).
    """
    if len(content) > rules.bytes_each:
        raise rules.too_large(param)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            ending = suffix(image.format)
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        raise bad(param, f'is no picture of a kind this server reads ({", ".join(_FORMATS)})') from error
    if width * height > rules.pixels_each:
        raise bad(param, f'has {width}x{height} pixels; this server takes {rules.pixels_each}')
    if max(width, height) > _MOST_ASPECT * min(width, height):
        raise bad(param, f'is {width}x{height}; the longer side may be {_MOST_ASPECT} times the shorter')
    kept = path.with_suffix(ending)
    kept.write_bytes(content)
    return Picture(param, kept, pixels=width * height)


def examine_fetched(picture: Picture, rules: PictureRules) -> Picture:
    """As `examine`, for one that `fetch` put into its file."""
    return examine(picture.path.read_bytes(), picture.param, rules, picture.path)


def settle(picture: Picture, rules: PictureRules, *, decode: bool) -> Path:
    """Makes a picture plain (`picture.plain`), and sees whether it is whole where no engine does.

    Args:
        picture: one that was examined.
        rules: what is taken.
        decode: whether to decode it.

    Raises:
        ApiError: it is not taken, or no whole picture (400).
    """
    try:
        if decode:
            with Image.open(picture.path) as image:
                image.load()
        shown = plain(picture.path)
    except (DataError, MemoryError, *UNREADABLE) as error:
        raise bad(picture.param, f'is no complete picture of a kind this server reads: {error}') from error
    if isinstance(shown, Path):
        return shown
    path = picture.path.with_name(f'{picture.path.stem}-plain.png')
    path.write_bytes(shown)
    return path


def _decode(reference: str, param: str, rules: PictureRules) -> bytes:
    head, comma, _ = reference.partition(',')
    if comma and not (is_data_url(head) and head.lower().endswith(';base64')):
        raise bad(param, f'is no base64 data URL: it begins {head[:_SHOWN_CHARS]!r}')
    try:
        return decode_base64(reference)
    except ValueError as error:
        raise bad(param, f'is neither a URL nor base64 ({error}): {reference[:_SHOWN_CHARS]!r}') from error


def _read_file(reference: str, param: str, rules: PictureRules) -> bytes:
    try:
        url = urlsplit(reference)
        path = Path(unquote(url.path)).resolve()
        inside = any(path.is_relative_to(folder.resolve()) for folder in rules.folders)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links that lead round in a circle
        raise bad(param, 'names no file: its path cannot be read', 'not_allowed') from error
    if url.netloc not in ('', 'localhost') or not inside:
        raise bad(param, 'names a file that this server may not read; its operator allows folders', 'not_allowed')
    try:
        if not path.is_file():
            raise FileNotFoundError(2, 'no such file')
        if path.stat().st_size > rules.bytes_each:
            raise rules.too_large(param)
        return path.read_bytes()
    except OSError as error:
        raise bad(param, f'names a file that cannot be read: {error.strerror}') from error


async def fetch(pictures: list[Picture], rules: PictureRules) -> list[Picture]:
    """Fetches the pictures that are behind URLs into their files, all at a time.

    Raises:
        ApiError: one is not allowed, does not come in time, or is too large (400).
    """
    wanted = [picture for picture in pictures if picture.url]
    if not wanted:
        return pictures
    connector = aiohttp.TCPConnector(socket_factory=_Gate(rules).connect, use_dns_cache=False)
    timeout = aiohttp.ClientTimeout(total=rules.fetch_timeout_s)
    headers = {'Accept-Encoding': 'identity'}
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, trust_env=False, auto_decompress=False, headers=headers
    ) as session:
        await asyncio.gather(*(_fetch(session, picture, rules) for picture in wanted))
    return pictures


async def _fetch(session: aiohttp.ClientSession, picture: Picture, rules: PictureRules) -> None:
    param = picture.param
    try:
        url = URL(picture.url)
        host, port = url.host or '', url.port
    except ValueError as error:
        raise bad(param, f'is no URL: {error}') from error
    if url.user is not None or url.password is not None or not _allows(rules.hosts, host, port, url.scheme):
        shown = host if port == _DEFAULT_PORTS[url.scheme] else f'{host}:{port}'
        raise bad(param, f'is on {shown}, which this server may not fetch from; send base64', 'not_allowed')
    try:
        async with session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise bad(param, f'cannot be fetched: HTTP {response.status} (redirects are not followed)')
            if response.headers.get('Content-Encoding', 'identity').strip().lower() not in ('', 'identity'):
                raise bad(param, 'cannot be fetched: its host packs what it was asked to send as it is')
            size = 0
            with picture.path.open('wb') as file:
                async for chunk in response.content.iter_chunked(_READ_BYTES):
                    size += file.write(chunk)
                    if size > rules.bytes_each:
                        raise rules.too_large(param)
    except asyncio.TimeoutError as error:
        raise bad(param, f'did not come within {rules.fetch_timeout_s:g} s') from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if any(isinstance(one, _Closed) for one in (error, error.__cause__, getattr(error, 'os_error', None))):
            raise bad(param, f'is on {host}, whose address this server may not fetch from', 'not_allowed') from error
        raise bad(param, f'cannot be fetched: {type(error).__name__}') from error


def _parts(rule: str) -> tuple[str, str]:
    """Host and port of a rule, the port empty where it names none; an IPv6 address in its shortest form."""
    name, colon, ports = rule.lower().rpartition(':')
    if not colon or ']' in ports or (':' in name.strip('[]') and not name.startswith('[')):
        name, ports = rule.lower(), ''
    name = name.strip('[]') if ':' in name else name
    address = _address(name)
    return (name if address is None else str(address)), ports


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.partition('%')[0])
    except ValueError:
        return None


def _reached(address: Address) -> Address:
    """The IPv4 address behind one of IPv6 that stands for it: mapped, compatible, 6to4, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address.packed[:12] in _IPV4_PREFIXES and int(address) > 1:
        inner = ipaddress.IPv4Address(address.packed[12:])
    return inner or address


def _allows(rules: tuple[str, ...], host: str, port: int | None, scheme: str) -> bool:
    for name, ports in map(_parts, rules):
        fits = port == _DEFAULT_PORTS[scheme] if not ports else ports in ('*', str(port))
        if fits and fnmatch(host.lower(), name):
            return True
    return False


class _Closed(OSError):
    """An address that may not be reached."""


class _Gate:
    """Makes sockets for addresses that may be reached: the one that is connected to is the one that was checked."""

    def __init__(self, rules: PictureRules) -> None:
        self._networks = rules.networks
        named = (_address(_parts(rule)[0]) for rule in rules.hosts)
        self._named = {_reached(address) for address in named if address is not None}

    def connect(self, info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        found = _reached(ipaddress.ip_address(str(address[0]).partition('%')[0]))
        is_open = found.is_global and not found.is_multicast and not getattr(found, 'is_site_local', False)
        if not is_open and found not in self._named and not any(found in network for network in self._networks):
            raise _Closed(f'{found} is not of the open net')
        return socket.socket(family, kind, protocol)
