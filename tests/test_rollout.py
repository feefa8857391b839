"""The scheduler between the host's loop and the agent, where the host run does not reach: errors and pictures."""

from __future__ import annotations

import asyncio
import base64
import gc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from swift.infer_engine.protocol import RolloutInferRequest

from swift_thyme import protocol
from swift_thyme.errors import ConfigError
from swift_thyme.rollout import ThymeScheduler, input_images


@pytest.fixture
def scheduler(o3_template: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ThymeScheduler:
    monkeypatch.setenv('THYME_IMAGE_DIR', str(tmp_path / 'images'))
    template = o3_template()
    return ThymeScheduler(template=template, tokenizer=template.tokenizer, max_turns=4)


def request_for(image: str) -> RolloutInferRequest:
    prompt = protocol.render_user_prompt('Which?', [protocol.PromptImage('images/a b.jpg', 10, 10)])
    return RolloutInferRequest(messages=[{'role': 'user', 'content': prompt}], images=[image])


def choice(scheduler: ThymeScheduler, text: str, finish_reason: str = 'stop') -> Any:
    ids = scheduler.tokenizer.encode(text)
    message = SimpleNamespace(content=text)
    return SimpleNamespace(message=message, token_ids=ids, finish_reason=finish_reason, logprobs=None)


def turn(scheduler: ThymeScheduler, request: Any, text: str) -> tuple[dict[str, Any], Any]:
    """One turn on a fresh event loop, as the host's colocate mode has it."""
    made = choice(scheduler, text)
    return asyncio.run(scheduler.on_turn_end(request, made, 1)), made


def test_another_template_is_refused_with_what_to_do(processor: Any) -> None:
    from swift.template import get_template

    template = get_template(processor, template_type='qwen2_5_vl')
    with pytest.raises(ConfigError, match='use --template thyme_qwen2_5_vl'):
        ThymeScheduler(template=template, tokenizer=template.tokenizer)


def test_an_unreadable_picture_ends_only_its_own_trajectory(scheduler: ThymeScheduler, picture: Path) -> None:
    bad, good = request_for('/nowhere/x.jpg'), request_for(str(picture))
    asyncio.run(scheduler.on_trajectory_start([bad, good]))
    code = '<think><code>print(image_path is not None)</code>'
    ended, _ = turn(scheduler, bad, code)
    info = ended['rollout_infos']['thyme']
    assert (info['stop_reason'], info['quarantined']) == ('error', True)
    assert '/nowhere/x.jpg' in info['error'] and info['text'] == code
    goes_on, made = turn(scheduler, good, code)
    assert goes_on == {}
    step = scheduler.step(good, made, 1)
    appended = scheduler.tokenizer.decode(step['response_token_ids'][len(made.token_ids) :])
    assert appended == '<sandbox_output>True\n</sandbox_output>'


def test_ids_are_the_sampled_ones_followed_by_masked_output(scheduler: ThymeScheduler, picture: Path) -> None:
    request = request_for(str(picture))
    asyncio.run(scheduler.on_trajectory_start([request]))
    code = '<code>\nfrom PIL import Image\nImage.open(image_path).save("p.png")\nprint("p.png")\n</code>'
    _, made = turn(scheduler, request, code)
    step = scheduler.step(request, made, 1)
    n = len(made.token_ids)
    assert step['response_token_ids'][:n] == made.token_ids
    assert step['response_loss_mask'] == [1] * n + [0] * (len(step['response_token_ids']) - n)
    assert len(request.images) == 2 == len(step['rollout_infos']['images'])


def test_the_session_closes_when_the_host_drops_the_request(scheduler: ThymeScheduler, picture: Path) -> None:
    request = request_for(str(picture))
    asyncio.run(scheduler.on_trajectory_start([request]))
    turn(scheduler, request, '<code>x = 1</code>')
    session = scheduler._rollouts[request.uuid].agent.session
    assert session is not None
    closed = []
    session.close_soon = lambda: closed.append(True)  # type: ignore[method-assign]
    asyncio.run(scheduler.on_trajectory_start([again := request_for(str(picture))]))
    turn(scheduler, again, '<code>x = 1</code>')
    watched = scheduler._rollouts[again.uuid].agent.session
    assert watched is not None
    watched.close_soon = lambda: closed.append(True)  # type: ignore[method-assign]
    asyncio.run(session.close())
    asyncio.run(watched.close())
    del request, again, session, watched
    gc.collect()
    assert not scheduler._rollouts


@pytest.mark.parametrize('form', ['path', 'base64', 'data url', 'dict'])
def test_every_form_of_picture_reaches_the_sandbox_with_the_prompts_path(picture: Path, form: str) -> None:
    encoded = base64.b64encode(picture.read_bytes()).decode()
    image: Any = {
        'path': str(picture),
        'base64': encoded,
        'data url': f'data:image/jpeg;base64,{encoded}',
        'dict': {'path': str(picture), 'bytes': None},
    }[form]
    request = request_for('x')
    request.images = [image]
    (found,) = input_images(request)
    assert found.prompt_path == 'images/a b.jpg'
    content = found.source if isinstance(found.source, bytes) else Path(found.source).read_bytes()
    assert content == picture.read_bytes()
