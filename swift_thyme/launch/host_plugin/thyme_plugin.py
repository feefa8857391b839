"""What `--O3 true` names in `--external_plugins`. In a folder of its own: the host puts that folder on `sys.path`."""

from swift_thyme.register import register_all

register_all()
