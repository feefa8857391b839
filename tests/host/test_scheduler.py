"""The scheduler between the host's loop and the agent, where the host run does not reach: errors and pictures."""

from __future__ import annotations

import asyncio
import base64
import gc
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from swift.infer_engine.protocol import RolloutInferRequest

from swift_thyme import protocol
from swift_thyme.config import SandboxSettings
from swift_thyme.errors import ConfigError, MachineryDown, SandboxUnavailable, SessionDead
from swift_thyme.host.patch import is_left_out
from swift_thyme.host.scheduler import ThymeScheduler, input_images
from swift_thyme.sandbox import PatientSandbox, ZygoteSandbox


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


def turn(scheduler: ThymeScheduler, request: Any, text: str, n: int = 1) -> tuple[dict[str, Any], Any]:
    """One turn on a fresh event loop, as the host's colocate mode has it."""
    made = choice(scheduler, text)
    scheduler.append_assistant_completion(request, text)
    return asyncio.run(scheduler.on_turn_end(request, made, n)), made


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
    assert session is not None and asyncio.run(session.run('print(x)')).text == '1\n'
    del request
    gc.collect()
    assert not scheduler._rollouts
    with pytest.raises(SessionDead):
        asyncio.run(session.run('print(x)'))


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


CODE = '<think><code>\nprint(6 * 7)\n</code>'
DRAW = '<think><code>\nfrom PIL import Image\nImage.new("RGB", (224, 224)).save("a.png")\nprint("a.png")\n</code>'


def started(scheduler: ThymeScheduler, picture: Path) -> RolloutInferRequest:
    request = request_for(str(picture))
    asyncio.run(scheduler.on_trajectory_start([request]))
    return request


@pytest.mark.parametrize('pad', ['<|image_pad|>', '<|video_pad|>'])
def test_a_picture_token_sampled_by_the_policy_ends_the_trajectory_which_is_scored_as_it_stands(
    scheduler: ThymeScheduler, picture: Path, pad: str
) -> None:
    request = started(scheduler, picture)
    ended, made = turn(scheduler, request, f'<think>a {pad} b</think><answer>1</answer>')
    info = ended['rollout_infos']['thyme']
    assert (info['stop_reason'], info['quarantined'], info['text']) == ('picture_token', False, '<think>a ')
    assert made.token_ids == info['sampled_ids'] == scheduler.tokenizer.encode('<think>a ')
    assert ended['rollout_infos']['images'] == [str(picture)] and 'loss' not in request.messages[-1]


def test_a_picture_token_before_anything_else_leaves_nothing_to_train_but_is_scored(
    scheduler: ThymeScheduler, picture: Path
) -> None:
    request = started(scheduler, picture)
    ended, made = turn(scheduler, request, '<|image_pad|><answer>42</answer>')
    info = ended['rollout_infos']['thyme']
    assert (info['text'], made.token_ids, info['quarantined']) == ('', [], False)
    assert is_left_out(SimpleNamespace(rollout_infos=ended['rollout_infos']))


def test_a_policy_that_samples_any_token_anywhere_is_never_set_aside(scheduler: ThymeScheduler, picture: Path) -> None:
    """Special tokens, halves of characters, tags: no word of the policy is a way out of being scored."""
    draw = random.Random(4)
    tokenizer = scheduler.tokenizer
    special = sorted(tokenizer.get_added_vocab().values())
    tags = [tokenizer.encode(t) for t in ('<code>', '</code>', '<think>', '<answer>', '<sandbox_output>', '<image>')]
    for _ in range(60):
        pieces = [draw.choice([[draw.choice(special)], draw.choice(tags)]) for _ in range(draw.randrange(1, 12))]
        ids = [i for piece in pieces for i in piece]
        ids += [draw.randrange(tokenizer.vocab_size) for _ in range(draw.randrange(6))]
        draw.shuffle(ids)
        request = started(scheduler, picture)
        made = choice(scheduler, '')
        made.token_ids, made.message.content = ids, tokenizer.decode(ids, skip_special_tokens=True)
        scheduler.append_assistant_completion(request, made.message.content)
        ended = asyncio.run(scheduler.on_turn_end(request, made, 1))
        info = ended['rollout_infos']['thyme'] if ended else {'quarantined': False}
        assert not info['quarantined'], (ids, info)


def test_a_setting_that_cannot_work_ends_the_run_and_not_one_trajectory(
    scheduler: ThymeScheduler, picture: Path
) -> None:
    sandbox = ZygoteSandbox(SandboxSettings(base_dir='/proc/nowhere'))
    scheduler._state.sandbox = PatientSandbox(sandbox, 600)
    request = started(scheduler, picture)
    with pytest.raises(ConfigError, match='THYME_SANDBOX_DIR'):
        turn(scheduler, request, CODE)


def test_a_sandbox_that_stays_down_ends_the_run(scheduler: ThymeScheduler, picture: Path) -> None:
    class Down(ZygoteSandbox):
        async def open(self, *_: Any, **__: Any) -> Any:
            raise SandboxUnavailable('no process can be made')

    scheduler._state.sandbox = PatientSandbox(Down(), 0.1, 0.01)
    request = started(scheduler, picture)
    with pytest.raises(MachineryDown, match='no process can be made'):
        turn(scheduler, request, CODE)


def test_a_sound_trajectory_is_trained(scheduler: ThymeScheduler, picture: Path) -> None:
    request = started(scheduler, picture)
    _, made = turn(scheduler, request, CODE)
    scheduler.step(request, made, 1)
    ended, _ = turn(scheduler, request, 'It is 42.</think><answer>42</answer>', 2)
    info = ended['rollout_infos']['thyme']
    assert not info['quarantined'] and 'loss' not in request.messages[-1]
    assert info['tokens']['sandbox'] > 0 and [len(t['segments']) for t in info['turns']] == [2, 1]


def test_a_round_without_room_for_its_output_ends_with_length(scheduler: ThymeScheduler, picture: Path) -> None:
    prompt = scheduler._o3.prompt_tokens(request_for(str(picture)))
    n = len(scheduler.tokenizer.encode(CODE))
    for room, stop in ((n + 200, None), (n + 20, 'length')):
        scheduler._state.learn(max_context_tokens=prompt + room)
        request = started(scheduler, picture)
        ended, made = turn(scheduler, request, CODE)
        assert (ended['rollout_infos']['thyme']['stop_reason'] if ended else None) == stop
        assert made.finish_reason == (stop or 'stop'), 'what --overlong_filter and clipped_ratio go by'


def test_a_returned_picture_takes_the_room_of_its_visual_tokens(scheduler: ThymeScheduler, picture: Path) -> None:
    prompt = scheduler._o3.prompt_tokens(request_for(str(picture))) + len(scheduler.tokenizer.encode(DRAW))
    visual = scheduler._o3.visual_tokens(224, 224)
    assert visual == 64
    for room, stop in ((60 + visual, None), (60, 'length')):
        scheduler._state.learn(max_context_tokens=prompt + room)
        ended, _ = turn(scheduler, started(scheduler, picture), DRAW)
        assert (ended['rollout_infos']['thyme']['stop_reason'] if ended else None) == stop


@pytest.mark.parametrize(
    ('name', 'value', 'text', 'stop'),
    [
        ('THYME_MIN_ROUND_TOKENS', '1', CODE, None),
        ('THYME_MIN_ROUND_TOKENS', '200', CODE, 'length'),
        ('THYME_REPETITION_RULE', 'paper', 'so on, ' * 80, 'repetition'),
        ('THYME_REPETITION_RULE', 'off', 'so on, ' * 80, 'end_of_turn'),
        ('THYME_REPETITION_SHARE', '0.99', 'so on, ' * 80, 'end_of_turn'),
        ('THYME_MAX_IMAGES', '0', DRAW, 'image_limit'),
    ],
)
def test_the_bounds_of_a_rollout_are_those_of_the_variables(
    o3_template: Any, picture: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str, stop: str | None
) -> None:
    monkeypatch.setenv(name, value)
    template = o3_template()
    scheduler = ThymeScheduler(template=template, tokenizer=template.tokenizer, max_turns=4)
    prompt = scheduler._o3.prompt_tokens(request_for(str(picture)))
    scheduler._state.learn(max_context_tokens=prompt + len(scheduler.tokenizer.encode(text)) + 200)
    ended, _ = turn(scheduler, started(scheduler, picture), text)
    assert (ended['rollout_infos']['thyme']['stop_reason'] if ended else None) == stop


@pytest.mark.parametrize(('room', 'stop'), [(200, None), (5, 'length')])
def test_a_prompt_longer_than_max_length_is_not_asked(
    scheduler: ThymeScheduler, picture: Path, room: int, stop: str | None
) -> None:
    prompt = scheduler._o3.prompt_tokens(request_for(str(picture)))
    scheduler._max_prompt_tokens = prompt + len(scheduler.tokenizer.encode(CODE)) + room
    ended, made = turn(scheduler, started(scheduler, picture), CODE)
    assert (ended['rollout_infos']['thyme']['stop_reason'] if ended else None) == stop
    assert made.finish_reason == (stop or 'stop')


def test_an_answer_that_fills_its_last_token_is_no_truncated_one(scheduler: ThymeScheduler, picture: Path) -> None:
    request = started(scheduler, picture)
    made = choice(scheduler, '<think>so</think><answer>1</answer>', 'length')
    scheduler.append_assistant_completion(request, made.message.content)
    ended = asyncio.run(scheduler.on_turn_end(request, made, 1))
    assert (ended['rollout_infos']['thyme']['stop_reason'], made.finish_reason) == ('answer', 'stop')


@pytest.mark.parametrize('strategy', ['left', 'right', 'raise'])
@pytest.mark.parametrize('mode', ['transformers', 'vllm'])
def test_the_prompt_of_a_rollout_is_never_cut(
    scheduler: ThymeScheduler, picture: Path, strategy: str, mode: str
) -> None:
    template = scheduler._o3
    template.set_mode(mode)
    whole = template.encode(request_for(str(picture)))['input_ids']
    template.max_length, template.truncation_strategy = 100, strategy
    assert len(whole) > 100 and template.encode(request_for(str(picture)))['input_ids'] == whole


def test_earlier_turns_and_tools_count_as_prompt(scheduler: ThymeScheduler, picture: Path) -> None:
    tools = [{'type': 'function', 'function': {'name': 'zoom', 'description': 'zoom', 'parameters': {}}}]
    request = request_for(str(picture))
    said = [{'role': 'user', 'content': 'Before?'}, {'role': 'assistant', 'content': 'so ' * 50}]
    request.messages, request.tools = [*said, *request.messages], tools
    predicted = scheduler._o3.prompt_tokens(request)
    scheduler._o3.set_mode('transformers')
    n = len(scheduler._o3.encode(request)['input_ids'])
    assert n <= predicted <= n + 60


def test_pictures_below_root_image_dir_are_found_by_everybody(
    scheduler: ThymeScheduler, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler._o3, 'root_image_dir', str(picture.parent))
    request = request_for(picture.name)
    asyncio.run(scheduler.on_trajectory_start([request]))
    assert request.images == [str(picture)]
    assert turn(scheduler, request, CODE)[0] == {}, 'not ended by an error'


def test_a_generation_that_stops_at_code_goes_on_until_the_code_ends(scheduler: ThymeScheduler, picture: Path) -> None:
    request = started(scheduler, picture)
    goes_on, first = turn(scheduler, request, '<think>I compute. <code>')
    assert goes_on == {}
    step = scheduler.step(request, first, 1)
    assert step['response_token_ids'] == first.token_ids and set(step['response_loss_mask']) == {1}
    request.messages[-1]['content'] = step['response_token_ids']
    _, second = turn(scheduler, request, '\nprint(6 * 7)\n</code>', 2)
    step = scheduler.step(request, second, 2)
    shown = scheduler.tokenizer.decode(step['response_token_ids'][len(second.token_ids) :])
    assert shown == '<sandbox_output>42\n</sandbox_output>'


def test_an_open_code_block_in_the_last_round_ends_with_the_round_limit(
    scheduler: ThymeScheduler, picture: Path
) -> None:
    request = started(scheduler, picture)
    ended, _ = turn(scheduler, request, '<think>I compute. <code>', n=4)
    assert ended['rollout_infos']['thyme']['stop_reason'] == 'round_limit'


def test_masked_code_counts_neither_in_the_mask_nor_in_the_log_probs(
    o3_template: Any, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('THYME_TRAIN_CODE', 'mask')
    template = o3_template()
    scheduler = ThymeScheduler(template=template, tokenizer=template.tokenizer, max_turns=4)
    request = started(scheduler, picture)
    made = choice(scheduler, CODE)
    made.logprobs = {'content': [{'logprob': -0.5} for _ in made.token_ids]}
    scheduler.append_assistant_completion(request, CODE)
    asyncio.run(scheduler.on_turn_end(request, made, 1))
    step = scheduler.step(request, made, 1)
    trained = [i for i, kept in zip(step['response_token_ids'], step['response_loss_mask'], strict=True) if kept]
    assert scheduler.tokenizer.decode(trained).strip() == '<think><code>'
    assert len(step['rollout_logprobs']) == len(trained) == len(made.logprobs['content'])


def test_a_picture_the_engine_cannot_decode_ends_only_its_own_trajectory(
    scheduler: ThymeScheduler, picture: Path, tmp_path: Path
) -> None:
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(picture.read_bytes()[:300])
    bad, good = started(scheduler, broken), started(scheduler, picture)
    scheduler._o3.set_mode('vllm')
    for request in (bad, good):
        encoded = scheduler._o3.encode(request, return_template_inputs=True)
        assert encoded['input_ids']
    ended, _ = turn(scheduler, bad, CODE)
    assert ended['rollout_infos']['thyme']['stop_reason'] == 'error'
    assert turn(scheduler, good, CODE)[0] == {}
