"""Entry point of the supervisor's process: `python -m swift_thyme.sandbox.supervisor FD`, settings as JSON on stdin."""

from __future__ import annotations

import json
import resource
import sys

from .server import Setup, serve


def main() -> None:
    """Reads the settings and serves until the trainer closes the socket."""
    setup = Setup(**json.load(sys.stdin))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    serve(int(sys.argv[1]), setup)


if __name__ == '__main__':
    main()
