"""The zygote: a warm, single-threaded process that forks one confined process per session. Never runs model code.

Started by the supervisor through exec, so it shares nothing with the trainer. It imports what snippets use once, so
that a session starts in a few milliseconds and shares those pages. It forks on request, reaps, and says who ended.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys

from . import confine, linux, seccomp, wire

_TWO_DESCRIPTORS = socket.CMSG_SPACE(8)
_WARM = """
numpy.random numpy.fft cv2 sympy matplotlib.pyplot PIL.ImageDraw PIL.ImageFont PIL.ImageFilter PIL.ImageEnhance
PIL.ImageOps PIL.ImageStat PIL.ImageChops autopep8 glob mmap statistics
"""
"""With what these import, nearly all of the standard library that snippets use."""


def warm_up() -> None:
    """Imports what snippets use and runs each codec once, so that children inherit it all initialised."""
    for name in _WARM.split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    import cv2
    import numpy as np
    from PIL import Image

    cv2.setNumThreads(1)
    Image.init()
    picture = np.full((64, 64, 3), 127, 'u1')
    for suffix in ('.jpg', '.png', '.webp', '.bmp'):
        cv2.imdecode(cv2.imencode(suffix, picture)[1], cv2.IMREAD_COLOR)
    for method in (cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_LANCZOS4):
        cv2.resize(picture, None, fx=2, fy=2, interpolation=method)
    cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    _warm_plotting()


def _warm_plotting() -> None:
    import io

    from PIL import Image

    for picture_format in ('JPEG', 'PNG', 'WEBP'):
        buffer = io.BytesIO()
        Image.new('RGB', (64, 64), 'white').save(buffer, picture_format)
        Image.open(buffer).convert('RGB').resize((40, 40), Image.Resampling.LANCZOS)
    if 'matplotlib' in sys.modules:
        import matplotlib.pyplot as plt

        plt.figure()
        plt.plot([1, 2])
        plt.savefig(io.BytesIO())
        plt.close('all')
        with contextlib.suppress(AttributeError):  # fonts hold files open, which no session inherits
            importlib.import_module('matplotlib.font_manager')._get_font.cache_clear()


def pack_memory() -> None:
    """Freezes the objects made so far and puts huge pages behind them, with no gaps: a fork then copies little."""
    gc.collect()
    gc.freeze()
    linux.trim_heap()
    linux.use_up_heap()
    huge = 2 << 20
    ranges = []
    with open('/proc/self/maps') as maps:
        for line in maps:
            span, rights, *rest = line.split()
            start, end = (int(address, 16) for address in span.split('-'))
            start, end = -(-start // huge) * huge, end // huge * huge
            if rights == 'rw-p' and end > start and (len(rest) < 4 or rest[3] == '[heap]'):
                ranges.append((start, end))
    linux.advise(ranges, linux.MADV_COLLAPSE)  # a fork then has few page-table entries to copy


class ForkServer:
    """Forks on request and reaps; the supervisor holds the other end of `control`.

    Every page it writes between two forks is copied for it by the kernel, so its loop does little.
    """

    def __init__(self, control: socket.socket) -> None:
        from . import decoder, worker
        from .runner import Runner

        self._control = control
        self._runner = Runner()
        self._session, self._decoder = worker.main, decoder.main
        self._read_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        linux.watch_children(write_fd)
        self._session_filter, self._decoder_filter = seccomp.session_filter(), seccomp.decoder_filter()
        self._paths = confine.Paths(confine.readable_paths())
        self._huge_pages = not linux.reports_free_memory()

    def serve(self) -> None:
        """Answers requests until the supervisor is gone, which ends every process made here (`linux.end_with_peer`)."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._read_fd, select.POLLIN)
        serving = True
        while serving:
            for fd, _ in poll.poll():
                if fd == self._read_fd:
                    os.read(fd, 4096)
                    self._reap()
                else:
                    serving = self._answer()

    def _tell(self, kind: bytes, number: int, value: int) -> None:
        with contextlib.suppress(OSError):
            self._control.send(wire.ZYGOTE.pack(kind, number, value))

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._tell(wire.ZYGOTE_ENDED, pid, status)

    def _answer(self) -> bool:
        try:
            data, ancillary, _, _ = self._control.recvmsg(wire.ZYGOTE.size, _TWO_DESCRIPTORS)
        except OSError:
            return False
        if not data:
            return False
        kind, number, _ = wire.ZYGOTE.unpack(data)
        channel, lifeline = struct.unpack('ii', ancillary[0][2][:8])
        pid = linux.fork()
        if pid == 0:
            self._become(kind, channel, lifeline)
        os.close(channel)
        os.close(lifeline)
        self._tell(wire.ZYGOTE_FORKED, number, pid)
        return True

    def _become(self, kind: bytes, channel: int, lifeline: int) -> None:
        """The child's whole life; never returns."""
        try:
            signal.set_wakeup_fd(-1)
            os.setpgid(0, 0)
            linux.end_with_peer(lifeline)
            confine.stand_back()
            linux.small_pages(True)
            fds = channel, lifeline
            if kind == wire.ZYGOTE_DECODER:
                self._decoder(fds, self._decoder_filter)
            else:
                self._session(fds, self._runner, self._session_filter, self._paths, huge_pages=self._huge_pages)
        finally:
            os._exit(70)


def start(control_fd: int) -> None:
    """Serves the supervisor at the other end of a socket."""
    server = ForkServer(socket.socket(fileno=control_fd))
    pack_memory()
    server._tell(wire.ZYGOTE_READY, os.getpid(), 0)
    server.serve()


def main() -> None:
    """Entry point of the zygote's process: `argv[1]` is the control socket's descriptor, `argv[2]` whether to warm up.

    Imports this package once more after all others, so that what every fork writes to lies on few pages.
    """
    linux.end_with_parent(int(sys.argv[1]))
    if sys.argv[2] == 'warm':
        warm_up()
    package = __package__.partition('.')[0]
    for name in [name for name in sys.modules if name.partition('.')[0] == package]:
        del sys.modules[name]
    importlib.import_module('swift_thyme.sandbox.zygote').start(int(sys.argv[1]))


if __name__ == '__main__':
    main()
