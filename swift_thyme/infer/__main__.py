"""`python -m swift_thyme.infer`: as `thyme infer`, and with no question an example that is drawn on the spot."""

from __future__ import annotations

import sys

from ..cli import main

sys.exit(main(['infer', *sys.argv[1:]]))
