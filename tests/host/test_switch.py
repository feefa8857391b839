"""Two ways from one temperature to the other give the same tokens: a processor, and a second request at `<code>`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from swift.infer_engine.protocol import RequestConfig, RolloutInferRequest, RolloutOutput
from swift.rollout.agent_loop import run_multi_turn

from swift_thyme import protocol
from swift_thyme.demo.scripted import SCRIPT_VARIABLE, register_scripted
from swift_thyme.register import register_all
from swift_thyme.rollout import ThymeScheduler

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


def sampled(tiny: Path, picture: Path, stop: list[str] | None) -> dict[str, Any]:
    """What one trajectory sampled, with the given stop words."""
    import torch
    from swift.infer_engine import TransformersEngine

    engine = TransformersEngine(
        str(tiny), model_type='qwen2_5_vl', template_type='thyme_scripted', torch_dtype=torch.float32
    )
    template = engine.template
    prompt = protocol.render_user_prompt('Which?', [protocol.PromptImage(str(picture), 224, 168)])
    requests = [RolloutInferRequest(messages=[{'role': 'user', 'content': prompt}], images=[str(picture)])]
    scheduler = ThymeScheduler(template=template, tokenizer=template.tokenizer, max_turns=8)
    asyncio.run(scheduler.on_trajectory_start(requests))
    config = RequestConfig(max_tokens=128, temperature=1.0, stop=stop, return_details=True)

    def rollout(batch: list[Any], config: RequestConfig) -> list[RolloutOutput]:
        return [RolloutOutput(response=r) for r in engine.infer(batch, config, use_tqdm=False)]

    (output,) = run_multi_turn(requests, rollout(requests, config), scheduler, rollout, config, max_turns=8)
    infos: dict[str, Any] = output.rollout_infos
    return {**infos['thyme'], 'generations': infos['num_turns'], 'ids': output.response_token_ids}


def test_a_second_request_and_a_processor_sample_the_same_tokens(
    tiny: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / 'script.json'
    script.write_text(json.dumps(SCRIPT), encoding='utf-8')
    monkeypatch.setenv(SCRIPT_VARIABLE, str(script))
    register_all()
    register_scripted()
    one = sampled(tiny, picture, None)
    two = sampled(tiny, picture, [protocol.CODE_OPEN])
    assert (one['generations'], two['generations']) == (3, 5)
    assert one['ids'] == two['ids'] and one['sampled_ids'] == two['sampled_ids']
    assert one['text'] == two['text'] and one['stop_reason'] == two['stop_reason'] == 'answer'
    kinds = [[(s['kind'], s['tokens']) for s in turn['segments']] for turn in one['turns']]
    assert kinds == [[(s['kind'], s['tokens']) for s in turn['segments']] for turn in two['turns']]
