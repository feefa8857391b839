"""Writes a checkpoint with the shape of a released model and random weights, for measurements without a download.

    python benchmarks/shaped.py OUT [--shape 3b] [--layers N]

Tokenizer and processor are those of `thyme tiny`; widths, layers, heads and the vision tower are Qwen2.5-VL-3B's.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from swift_thyme.demo.tiny import build_tiny

TEXT = {
    'hidden_size': 2048,
    'intermediate_size': 11008,
    'num_hidden_layers': 36,
    'num_attention_heads': 16,
    'num_key_value_heads': 2,
    'head_dim': 128,
    'max_position_embeddings': 128_000,
    'max_window_layers': 36,
}
MROPE = [16, 24, 24]
VISION = {
    'depth': 32,
    'hidden_size': 1280,
    'intermediate_size': 3420,
    'num_heads': 16,
    'out_hidden_size': 2048,
    'window_size': 112,
    'fullatt_block_indexes': [7, 15, 23, 31],
}


def build(out: Path, layers: int) -> int:
    """Writes the checkpoint; returns the number of parameters."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    build_tiny(out)
    config = json.loads((out / 'config.json').read_text())
    text, vision = config['text_config'], config['vision_config']
    text.update(TEXT, num_hidden_layers=layers)
    text.pop('layer_types', None)
    text['rope_parameters']['mrope_section'] = MROPE
    vision.update(VISION)
    for path in out.glob('*.safetensors'):
        path.unlink()
    (out / 'config.json').write_text(json.dumps(config), encoding='utf-8')
    torch.manual_seed(0)
    with torch.device('cuda' if torch.cuda.is_available() else 'cpu'):
        model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(out), dtype=torch.bfloat16)
    model.save_pretrained(out)
    return sum(parameter.numel() for parameter in model.parameters())


def main() -> int:
    """Builds it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path)
    parser.add_argument('--layers', type=int, default=TEXT['num_hidden_layers'])
    args = parser.parse_args()
    print(f'{args.out}: {build(args.out, args.layers) / 1e9:.2f} G parameters')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
