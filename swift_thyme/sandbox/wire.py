"""Messages between the processes of the sandbox: framing and field encoding, nothing else.

Two kinds. Trusted ends (trainer, supervisor, zygote, decoder) exchange JSON and numbers. The supervisor and a session's
process, which a snippet may have taken over, exchange datagrams that carry the turn's nonce and plain byte fields: no
parser that a snippet could have patched, and nothing from an earlier turn is ever taken for the present one.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any

NONCE_BYTES, PID_BYTES = 16, 4
CHUNK_BYTES = 32_000
"""Payload of one datagram; below every kernel's default socket buffer."""

COMMAND_MORE, COMMAND_RUN, COMMAND_SNAPSHOT_RUN, COMMAND_SHED = b'm', b'r', b's', b't'
"""To a session's process: part of a snippet; its last part: run it / leave a snapshot and run it; replace yourself by
a fork. Before all of them comes one message of JSON, which makes a spare process one session's."""
READY, FORKED, REPORT_MORE, REPORT, SHED = b'i', b'f', b'p', b'R', b'T'
"""From it: ready; I am the snapshot; part of a report; its last part; I am the fork that goes on. The kernel says who
sent each."""

ZYGOTE = struct.Struct('<cIi')
"""Begins every message between supervisor and zygote: kind, number, value."""
ZYGOTE_SPARE, ZYGOTE_DECODER = b's', b'd'
"""To the zygote: fork a process for a session or for decoding (number of the request; two descriptors come with it:
its channel and its lifeline)."""
ZYGOTE_READY, ZYGOTE_FORKED, ZYGOTE_ENDED = b'r', b'p', b'e'
"""From it: ready; forked (number of the request, pid); a process ended (pid, wait status)."""

HEADER = struct.Struct('<I')


def frame(message: dict[str, Any]) -> bytes:
    """One JSON message for a stream socket."""
    body = json.dumps(message, ensure_ascii=True, separators=(',', ':')).encode()
    return HEADER.pack(len(body)) + body


async def read_message(stream: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message that `frame` made; None at the end of the stream, or where it ends in the middle of one."""
    try:
        (size,) = HEADER.unpack(await stream.readexactly(HEADER.size))
        message: dict[str, Any] = json.loads(await stream.readexactly(size))
    except (OSError, asyncio.IncompleteReadError):
        return None
    return message


def chunks(head: bytes, more: bytes, last: bytes, payload: bytes) -> list[bytes]:
    """Datagrams that carry one payload: kind, head, part."""
    parts = [payload[i : i + CHUNK_BYTES] for i in range(0, len(payload), CHUNK_BYTES)] or [b'']
    return [more + head + part for part in parts[:-1]] + [last + head + parts[-1]]


def command_head(nonce: bytes, pid: int) -> bytes:
    """What follows the kind of a command: the nonce, and whom it is for. A command that its process died before it
    took waits in the channel; no other process may take it for its own.
    """
    return nonce + pid.to_bytes(PID_BYTES, 'little')


def pack_fields(fields: list[bytes]) -> bytes:
    """Length-prefixed byte fields."""
    return b''.join(len(f).to_bytes(4, 'little') + f for f in fields)


def unpack_fields(data: bytes) -> list[bytes]:
    """The fields of `pack_fields`.

    Raises:
        ValueError: the lengths do not add up.
    """
    fields, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], 'little')
        at += 4 + size
        if at > len(data):
            raise ValueError('a field is longer than the message')
        fields.append(data[at - size : at])
    return fields


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """A connected pair that keeps message borders; the first end learns who sent each message."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return ours, theirs
