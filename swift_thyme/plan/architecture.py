"""Sizes of Qwen-VL models: parameters, cache and visual tokens, from their configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError


@dataclass(frozen=True)
class Architecture:
    """What the formulas need of a model. Widths and counts as in its `config.json`."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    vocab: int
    tied: bool
    """Whether input and output embedding are one matrix."""
    head_dim: int = 128
    vision_depth: int = 32
    vision_hidden: int = 1280
    vision_intermediate: int = 3420
    patch_px: int = 14
    merge: int = 2
    """Patches of one visual token, per side."""

    @property
    def layer_params(self) -> int:
        """Parameters of one decoder layer."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return attention + 3 * self.hidden * self.intermediate

    @property
    def language_params(self) -> int:
        """Parameters of the language model with its embeddings."""
        return self.layers * self.layer_params + self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def vision_params(self) -> int:
        """Parameters of the vision tower and its projection."""
        block = 4 * self.vision_hidden**2 + 3 * self.vision_hidden * self.vision_intermediate
        merged = self.vision_hidden * self.merge**2
        return self.vision_depth * block + merged * merged + merged * self.hidden

    @property
    def params(self) -> int:
        """All parameters."""
        return self.language_params + self.vision_params

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of one token in 16 bits."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_dim

    def visual_tokens(self, pixels: int) -> int:
        """Tokens of one picture of that many pixels."""
        return pixels // (self.patch_px * self.merge) ** 2

    @classmethod
    def read(cls, path: Path) -> Architecture:
        """Reads a checkpoint's `config.json`.

        Raises:
            ConfigError: it cannot be read, or is no Qwen-VL configuration.
        """
        try:
            config: dict[str, Any] = json.loads((path / 'config.json').read_text(encoding='utf-8'))
            text, vision = {**config, **config.get('text_config', {})}, config['vision_config']
            return cls(
                hidden=text['hidden_size'],
                layers=text['num_hidden_layers'],
                heads=text['num_attention_heads'],
                kv_heads=text['num_key_value_heads'],
                intermediate=text['intermediate_size'],
                vocab=text['vocab_size'],
                tied=bool(config.get('tie_word_embeddings')),
                head_dim=text.get('head_dim') or text['hidden_size'] // text['num_attention_heads'],
                vision_depth=vision['depth'],
                vision_hidden=vision.get('embed_dim') or vision['hidden_size'],
                vision_intermediate=vision.get('intermediate_size') or 4 * vision['hidden_size'],
                patch_px=vision['patch_size'],
                merge=vision['spatial_merge_size'],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f'no Qwen-VL configuration in {path}: {type(error).__name__}: {error}; expected a checkpoint folder or '
                f'one of {", ".join(KNOWN)}'
            ) from error


KNOWN = {
    '3b': Architecture(2048, 36, 16, 2, 11_008, 151_936, True),
    '7b': Architecture(3584, 28, 28, 4, 18_944, 152_064, False),
    '32b': Architecture(5120, 64, 40, 8, 27_648, 152_064, False, vision_intermediate=3456),
    '72b': Architecture(8192, 80, 64, 8, 29_568, 152_064, False, vision_intermediate=3456),
}
"""Qwen2.5-VL."""


def architecture(name: str) -> Architecture:
    """A size of Qwen2.5-VL by name, or a checkpoint folder.

    Raises:
        ConfigError: it is neither.
    """
    return KNOWN[name.lower()] if name.lower() in KNOWN else Architecture.read(Path(name))
