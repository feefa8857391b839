"""For `--external_plugins` in tests: everything, and the scripted template."""

from swift_thyme.demo.scripted import register_scripted
from swift_thyme.register import register_all

register_all()
register_scripted()
