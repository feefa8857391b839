"""What lmms-eval reads at its entry point: the model's name and where its class is. Imports lmms-eval's registry."""

from __future__ import annotations

from typing import Any


def manifest() -> Any:
    """The manifest of the model `thyme`."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest('thyme', chat_class_path='swift_thyme.evaluate.harness.lmms_eval_model.ThymeLmms')
