"""`thyme serve` with the scripted policy of `THYME_SCRIPT`: a process of its own for tests."""

import sys

from swift_thyme.cli import main
from swift_thyme.demo.scripted import register_scripted

if __name__ == '__main__':
    register_scripted()
    sys.exit(main(['serve', '--template', 'thyme_scripted', *sys.argv[1:]]))
