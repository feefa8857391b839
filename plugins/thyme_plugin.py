"""For `--external_plugins`: registers templates, masks, scheduler and rewards with ms-swift."""

from swift_thyme.register import register_all

register_all()
