"""A tiny Qwen-VL with the real Qwen vocabulary, built from nothing that has to be downloaded.

The architecture, the tokenizer's 151,643 byte pairs and the special ids are those of the released models, so that
templates, token borders and engines behave as with them; the weights are random and the layers few. It owns only the
files of the checkpoint: teaching the model something is the training commands' work.

The vocabulary comes from the `dashscope` package (Apache-2.0), which ships it as ranks of byte strings; merges are
recovered from the ranks.
"""

from __future__ import annotations

import base64
import importlib.util
import json
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import ConfigError, pip_line

BASE_VOCAB = 151_643
MODEL_VOCAB = 151_936
"""Rows of the embedding: the vocabulary rounded up, as in the released models."""
EMBEDDING_SPREAD = 3.0
"""Factor on the usual initial spread of the embedding. Measured: loss 0.4 after 60 steps of two rows, against 0.6."""
_NAMES = (
    'endoftext im_start im_end object_ref_start object_ref_end box_start box_end quad_start quad_end vision_start '
    'vision_end vision_pad image_pad video_pad'
)
SPECIAL = [f'<|{name}|>' for name in _NAMES.split()]
_FIM = [f'<|{name}|>' for name in ('fim_prefix', 'fim_middle', 'fim_suffix', 'fim_pad', 'repo_name', 'file_sep')]
ADDED = ['<tool_call>', '</tool_call>', *_FIM]
SMALL_VOCAB = 4_000
"""Byte pairs of a model that learns on a CPU: with all of them the columns of the logits cost 20 times the rest."""
_PRETOKEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}'
)


def special_ids(byte_pairs: int = BASE_VOCAB) -> dict[str, int]:
    """Special token → id: they follow the byte pairs."""
    return {token: byte_pairs + i for i, token in enumerate((*SPECIAL, *ADDED))}


class Family(str, Enum):
    """Which architecture; the value is the `model_type` in `config.json`."""

    QWEN2_VL = 'qwen2_vl'
    QWEN2_5_VL = 'qwen2_5_vl'
    QWEN3_VL = 'qwen3_vl'


def build_tiny(
    out: Path,
    *,
    family: Family = Family.QWEN2_5_VL,
    hidden: int = 128,
    layers: int = 2,
    seed: int = 0,
    byte_pairs: int = BASE_VOCAB,
) -> int:
    """Writes a checkpoint that AutoProcessor, AutoModel and the host's commands load.

    Args:
        out: folder; made if it does not exist.
        family: architecture.
        hidden: width, a multiple of 64.
        layers: decoder layers.
        seed: of the random weights.
        byte_pairs: of the vocabulary, the first ones; by default all, as in the released models.

    Returns:
        The number of parameters.

    Raises:
        ConfigError: `hidden` or `layers` cannot be, the folder is not empty, or the vocabulary cannot be found.
    """
    if hidden < 64 or hidden % 64 or layers < 1:
        raise ConfigError(
            f'hidden must be a multiple of 64 (one attention head) and layers >= 1, got {hidden} and {layers}; use 128 '
            'and 2'
        )
    if out.is_dir() and any(out.iterdir()):
        raise ConfigError(f'a checkpoint needs a folder of its own: got {out} with files in it; name another')
    out.mkdir(parents=True, exist_ok=True)
    import torch
    from transformers import AutoModelForImageTextToText, GenerationConfig

    for name, content in _processor_files(family, byte_pairs).items():
        (out / name).write_text(json.dumps(content, ensure_ascii=False), encoding='utf-8')
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(_model_config(family, hidden, layers, byte_pairs)).eval()
    with torch.no_grad():  # wider than the default spread: a few dozen steps of SFT then suffice to teach the format
        model.get_input_embeddings().weight.mul_(EMBEDDING_SPREAD)
    ids = special_ids(byte_pairs)
    model.generation_config = GenerationConfig(
        bos_token_id=ids['<|endoftext|>'],
        pad_token_id=ids['<|endoftext|>'],
        eos_token_id=[ids['<|im_end|>'], ids['<|endoftext|>']],
        do_sample=True,
        temperature=1.0,
    )
    model.save_pretrained(out)
    return sum(parameter.numel() for parameter in model.parameters())


def _model_config(family: Family, hidden: int, layers: int, byte_pairs: int) -> Any:
    from transformers import AutoConfig

    ids = special_ids(byte_pairs)
    return AutoConfig.for_model(
        family.value,
        text_config=_text_config(family, hidden, layers, byte_pairs),
        vision_config=_vision_config(family, hidden),
        image_token_id=ids['<|image_pad|>'],
        video_token_id=ids['<|video_pad|>'],
        vision_start_token_id=ids['<|vision_start|>'],
        vision_end_token_id=ids['<|vision_end|>'],
        tie_word_embeddings=True,
    )


def _text_config(family: Family, hidden: int, layers: int, byte_pairs: int) -> dict[str, Any]:
    ids = special_ids(byte_pairs)
    return {
        'vocab_size': byte_pairs + MODEL_VOCAB - BASE_VOCAB,
        'hidden_size': hidden,
        'intermediate_size': 2 * hidden,
        'num_hidden_layers': layers,
        'num_attention_heads': hidden // 64,
        'num_key_value_heads': 1,
        'head_dim': 64,
        'max_position_embeddings': 32_768,
        'rms_norm_eps': 1e-6,
        'tie_word_embeddings': True,
        'rope_parameters': {
            'rope_type': 'default',
            'rope_theta': 1e6,
            'mrope_section': [8, 12, 12],
            **({'mrope_interleaved': True} if family is Family.QWEN3_VL else {}),
        },
        'bos_token_id': ids['<|endoftext|>'],
        'eos_token_id': ids['<|im_end|>'],
        'pad_token_id': None,
        'use_sliding_window': False,
    }


def _vision_config(family: Family, hidden: int) -> dict[str, Any]:
    common = {'depth': 2, 'in_channels': 3, 'num_heads': 2, 'patch_size': _patch_size(family), 'spatial_merge_size': 2}
    if family is Family.QWEN2_VL:
        return {**common, 'embed_dim': 64, 'hidden_size': hidden, 'mlp_ratio': 2, 'temporal_patch_size': 2}
    own = {'hidden_size': 64, 'intermediate_size': 128, 'out_hidden_size': hidden, 'temporal_patch_size': 2}
    if family is Family.QWEN3_VL:
        return {**common, **own, 'deepstack_visual_indexes': [0, 1], 'num_position_embeddings': 2304}
    return {**common, **own, 'window_size': 112, 'fullatt_block_indexes': [1], 'tokens_per_second': 2}


def _patch_size(family: Family) -> int:
    return 16 if family is Family.QWEN3_VL else 14


def _processor_files(family: Family, byte_pairs: int) -> dict[str, Any]:
    ids = special_ids(byte_pairs)
    added = {
        str(ids[token]): {'content': token, 'special': token in SPECIAL, **_plain_token()}
        for token in (*SPECIAL, *ADDED)
    }
    return {
        'tokenizer.json': _tokenizer(byte_pairs),
        'tokenizer_config.json': {
            'added_tokens_decoder': added,
            'additional_special_tokens': SPECIAL[1:],
            'add_prefix_space': False,
            'bos_token': None,
            'chat_template': _CHAT_TEMPLATE,
            'clean_up_tokenization_spaces': False,
            'eos_token': '<|im_end|>',
            'errors': 'replace',
            'model_max_length': 131_072,
            'pad_token': '<|endoftext|>',
            'split_special_tokens': False,
            'tokenizer_class': 'Qwen2Tokenizer',
            'unk_token': None,
        },
        'chat_template.json': {'chat_template': _CHAT_TEMPLATE},
        'preprocessor_config.json': {
            'image_processor_type': 'Qwen2VLImageProcessor',
            'processor_class': _PROCESSORS[family],
            'image_mean': [0.48145466, 0.4578275, 0.40821073],
            'image_std': [0.26862954, 0.26130258, 0.27577711],
            'min_pixels': 3_136,
            'max_pixels': 12_845_056,
            'patch_size': _patch_size(family),
            'temporal_patch_size': 2,
            'merge_size': 2,
        },
    }


_PROCESSORS = {
    Family.QWEN2_VL: 'Qwen2VLProcessor',
    Family.QWEN2_5_VL: 'Qwen2_5_VLProcessor',
    Family.QWEN3_VL: 'Qwen3VLProcessor',
}


def _plain_token() -> dict[str, bool]:
    return {'lstrip': False, 'rstrip': False, 'normalized': False, 'single_word': False}


@cache
def _tokenizer(byte_pairs: int) -> dict[str, Any]:
    """The `tokenizers` file: byte-level pairs with the merges recovered from their ranks. The same for every family."""
    from tokenizers import normalizers
    from transformers.convert_slow_tokenizer import TikTokenConverter

    factory: Any = TikTokenConverter
    converter = factory(pattern=_PRETOKEN)
    converter.load_tiktoken_bpe = lambda _: _ranks(byte_pairs)
    tokenizer = converter.converted()
    tokenizer.normalizer = normalizers.NFC()
    spec: dict[str, Any] = json.loads(tokenizer.to_str())
    ids = special_ids(byte_pairs)
    spec['added_tokens'] = [
        {'id': ids[token], 'content': token, 'special': token in SPECIAL, **_plain_token()}
        for token in (*SPECIAL, *ADDED)
    ]
    return spec


def _ranks(byte_pairs: int) -> dict[bytes, int]:
    spec = importlib.util.find_spec('dashscope')
    path = Path(spec.origin).parent / 'resources' / 'qwen.tiktoken' if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ConfigError(f'the Qwen vocabulary was not found, expected {path}; {pip_line("quickstart")}')
    ranks = {}
    for line in path.read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    if len(ranks) < BASE_VOCAB:
        raise ConfigError(f'{path} has {len(ranks)} entries, expected {BASE_VOCAB}; install another dashscope')
    return {token: rank for token, rank in ranks.items() if rank < byte_pairs}
