"""The import path of plug-in files: `from swift_thyme.register import register_all`. See `host.register`."""

from .host.register import register_all, register_prepared_sets, register_rewards

__all__ = ['register_all', 'register_prepared_sets', 'register_rewards']
