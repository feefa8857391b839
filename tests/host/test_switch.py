"""Two ways from one temperature to the other give the same tokens: a processor, and a second request at `<code>`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from swift.infer_engine.protocol import RequestConfig, RolloutInferRequest, RolloutOutput
from swift.rollout.agent_loop import run_multi_turn

from scripted.policy import SCRIPT_VARIABLE, register_scripted
from swift_thyme import protocol
from swift_thyme.host.register import register_all
from swift_thyme.host.scheduler import ThymeScheduler

from .conftest import ENGINE_KWARGS, NEEDS_VLLM, VLLM, VllmBuild

pytestmark = pytest.mark.host

FREE_TOKENS = 12
SCRIPT = [
    [
        ['<think>I compute. <code>\n', FREE_TOKENS, '\nprint(6 * 7)\n</code>'],
        ['And again. <code>', FREE_TOKENS, '\nprint(1)\n</code>'],
        '</think>\n<answer>42</answer>',
    ]
]
"""Inside code the model itself chooses some tokens; what it chooses at τ = 0 does not depend on the seed."""


def load(name: str, tiny: Path) -> Any:
    """An engine of the host with the scripted template."""
    common: dict[str, Any] = {'model_type': 'qwen2_5_vl', 'template_type': 'thyme_scripted'}
    if name == 'transformers':
        import torch
        from swift.infer_engine import TransformersEngine

        return TransformersEngine(str(tiny), torch_dtype=torch.float32, **common)
    import torch
    from swift.infer_engine import GRPOVllmEngine

    if VLLM is VllmBuild.CPU:
        common['torch_dtype'] = torch.float32
    return GRPOVllmEngine(
        str(tiny),
        use_async_engine=False,
        max_model_len=4096,
        gpu_memory_utilization=0.1,
        enforce_eager=True,
        limit_mm_per_prompt={'image': 10},
        engine_kwargs=json.loads(ENGINE_KWARGS),
        **common,
    )


def sampled(engine: Any, picture: Path, stop: list[str] | None) -> dict[str, Any]:
    """What one trajectory sampled, with the given stop words."""
    template = engine.template
    prompt = protocol.render_user_prompt('Which?', [protocol.PromptImage(str(picture), 224, 168)])
    requests = [RolloutInferRequest(messages=[{'role': 'user', 'content': prompt}], images=[str(picture)])]
    scheduler = ThymeScheduler(template=template, tokenizer=template.tokenizer, max_turns=8)
    asyncio.run(scheduler.on_trajectory_start(requests))
    config = RequestConfig(max_tokens=128, temperature=1.0, stop=stop, return_details=True)

    def rollout(batch: list[Any], config: RequestConfig) -> list[RolloutOutput]:
        responses = engine.infer(batch, config, use_tqdm=False)
        return [r if isinstance(r, RolloutOutput) else RolloutOutput(response=r) for r in responses]

    (output,) = run_multi_turn(requests, rollout(requests, config), scheduler, rollout, config, max_turns=8)
    infos: dict[str, Any] = output.rollout_infos
    return {**infos['thyme'], 'generations': infos['num_turns'], 'ids': output.response_token_ids}


@pytest.mark.parametrize('engine', ['transformers', pytest.param('vllm', marks=[NEEDS_VLLM, pytest.mark.vllm])])
def test_a_second_request_and_a_processor_sample_the_same_tokens(
    tiny: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    script = tmp_path / 'script.json'
    script.write_text(json.dumps(SCRIPT), encoding='utf-8')
    monkeypatch.setenv(SCRIPT_VARIABLE, str(script))
    register_all()
    register_scripted()
    one = sampled(load(engine, tiny), picture, None)
    monkeypatch.setenv('THYME_SWITCH', 'stop_words')
    two = sampled(load(engine, tiny), picture, [protocol.CODE_OPEN])
    assert (one['generations'], two['generations']) == (3, 5)
    assert one['ids'] == two['ids'] and one['sampled_ids'] == two['sampled_ids']
    assert one['text'] == two['text'] and one['stop_reason'] == two['stop_reason'] == 'answer'
    kinds = [[(s['kind'], s['tokens']) for s in turn['segments']] for turn in one['turns']]
    assert kinds == [[(s['kind'], s['tokens']) for s in turn['segments']] for turn in two['turns']]
