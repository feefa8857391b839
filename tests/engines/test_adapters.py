"""A LoRA adapter in the transformers engine, and the template that is asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from swift_thyme.engines import Conversation, Engine, Message, Sampling, load_engine
from swift_thyme.errors import ConfigError

KWARGS = {'torch_dtype': torch.float32}


@pytest.fixture(scope='module')
def lora(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A random adapter of the tiny checkpoint, and the same weights merged."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    root = tmp_path_factory.mktemp('lora')
    torch.manual_seed(0)
    base = AutoModelForImageTextToText.from_pretrained(tiny, dtype=torch.float32)
    names = r'.*language_model.*\.(q_proj|v_proj|down_proj)'
    model = get_peft_model(base, LoraConfig(r=4, target_modules=names, init_lora_weights=False))
    for name, weights in model.named_parameters():
        if 'lora_B' in name:
            torch.nn.init.normal_(weights, std=1.0)
    model.save_pretrained(root / 'checkpoint-7')
    (root / 'checkpoint-7' / 'trainer_state.json').write_text('{}')
    of_training = {'model': str(tiny), 'model_type': 'qwen2_5_vl', 'template': 'qwen2_5_vl', 'tuner_type': 'lora'}
    the_hosts = {'use_chat_template': True, 'template_backend': 'swift', 'truncation_strategy': 'delete'}
    (root / 'checkpoint-7' / 'args.json').write_text(json.dumps({**of_training, **the_hosts}))
    shutil.copytree(tiny, root / 'merged')
    model.merge_and_unload().save_pretrained(root / 'merged')
    return {'run': root, 'adapter': root / 'checkpoint-7', 'merged': root / 'merged'}


async def said(engine: Engine) -> tuple[int, ...] | None:
    try:
        conversation = Conversation((Message('user', 'Which number?'),))
        return (await engine.generate(conversation, Sampling(max_tokens=8))).token_ids
    finally:
        await engine.aclose()


def ids_of(*names: Any, **options: Any) -> tuple[int, ...] | None:
    import asyncio

    return asyncio.run(said(load_engine(*names, engine_kwargs=KWARGS | options.pop('more', {}), **options)))


def test_an_adapter_says_what_the_merged_weights_say(lora: dict[str, Path], tiny: Path) -> None:
    more = {'model_type': 'qwen2_5_vl'}
    merged = ids_of(lora['merged'], more=more)
    assert ids_of(lora['adapter']) == ids_of(tiny, adapters=lora['adapter']) == merged
    assert ids_of(tiny, more=more) != merged


def test_an_adapter_gives_the_engine_its_name(lora: dict[str, Path]) -> None:
    assert load_engine(lora['adapter'], engine_kwargs=KWARGS).name == 'checkpoint-7'


def test_the_template_that_is_asked_for_is_used(lora: dict[str, Path]) -> None:
    from scripted.policy import register_scripted

    register_scripted()
    for given, expected in ((None, 'thyme_qwen2_5_vl'), ('thyme_scripted', 'thyme_scripted')):
        engine: Any = load_engine(lora['adapter'], template=given, engine_kwargs=KWARGS)
        assert engine._template.template_meta.template_type == expected


@pytest.mark.parametrize('given', ['foo', 'qwen2_5_vl'])
def test_a_template_that_is_no_o3_template_is_refused(given: str, lora: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match=f'--template {given}; expected one of thyme_'):
        load_engine(lora['adapter'], template=given)


def test_an_argument_that_the_engine_does_not_take_is_refused(lora: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="no 'torch_dtyp'; the nearest are torch_dtype"):
        load_engine(lora['adapter'], engine_kwargs={'torch_dtyp': 'float32'})


def vllm_adapter(folder: Path, rank: int, *names: str) -> Any:
    from safetensors.torch import save_file

    from swift_thyme.engines.checkpoint import Checkpoint

    save_file({name: torch.zeros(1) for name in names}, folder / 'adapter_model.safetensors')
    (folder / 'adapter_config.json').write_text(json.dumps({'r': rank}))
    return Checkpoint('Qwen/Qwen2.5-VL-7B-Instruct', str(folder))


@pytest.mark.parametrize(('rank', 'room'), [(4, 8), (16, 16), (48, 64), (512, 512)])
def test_vllm_makes_room_for_the_rank_of_the_adapter(rank: int, room: int, tmp_path: Path) -> None:
    from swift_thyme.engines.host_vllm import _lora

    found = _lora(vllm_adapter(tmp_path, rank, 'base_model.model.model.layers.0.mlp.up_proj.lora_A.weight'))
    assert found == {'adapters': [str(tmp_path)], 'max_lora_rank': room}


@pytest.mark.parametrize(
    ('rank', 'name'), [(1024, 'x.lora_A.weight'), (8, 'x.visual.blocks.0.lora_A.weight'), (8, 'x.lm_head.weight')]
)
def test_vllm_refuses_an_adapter_of_which_it_would_leave_out_a_part(rank: int, name: str, tmp_path: Path) -> None:
    from swift_thyme.engines.host_vllm import _lora

    with pytest.raises(ConfigError, match='swift export --adapters'):
        _lora(vllm_adapter(tmp_path, rank, name))
