"""The tiny checkpoint behaves as the released models do where templates and engines look."""

from __future__ import annotations

import base64
import importlib.util
import inspect
from pathlib import Path
from typing import Any

import pytest

from swift_thyme import protocol
from swift_thyme.demo.tiny import SPECIAL, build_tiny, special_ids
from swift_thyme.errors import ConfigError


def test_special_tokens_have_the_released_ids(tokenizer: Any) -> None:
    ids = special_ids()
    assert ids['<|im_end|>'] == 151_645 and ids['<|image_pad|>'] == 151_655
    assert [tokenizer.convert_tokens_to_ids(token) for token in SPECIAL] == [ids[token] for token in SPECIAL]


def test_tokens_are_those_of_the_vocabulary_it_was_built_from(tokenizer: Any) -> None:
    import tiktoken

    spec = importlib.util.find_spec('dashscope')
    assert spec is not None and spec.origin is not None
    lines = (Path(spec.origin).parent / 'resources' / 'qwen.tiktoken').read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r'|\s*[\r\n]+|\s+(?!\S)|\s+'
    )
    reference = tiktoken.Encoding('qwen', pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    text = inspect.getsource(protocol) + ' naïve 你好，世界 １２３ </code><sandbox_output>\n\n  x'
    assert tokenizer.encode(text) == reference.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_width_that_heads_do_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='multiple of 64'):
        build_tiny(tmp_path, hidden=100)
