"""`thyme serve` with the scripted policy of `THYME_SCRIPT`: a process of its own for tests."""

import sys

from scripted.policy import register_scripted
from swift_thyme.cli import main

if __name__ == '__main__':
    register_scripted()
    sys.exit(main(['serve', '--template', 'thyme_scripted', *sys.argv[1:]]))
