"""What is trained, read back from real batches: the host's own encoding and collation over the tiny checkpoint."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from swift.rlhf_trainers.utils import replace_assistant_response_with_ids

from swift_thyme import protocol
from swift_thyme.errors import ConfigError, DataError, TrajectoryError
from swift_thyme.host.template import UNTRAINED

IGNORED = -100
OUTPUTS = [
    '<sandbox_output><image></sandbox_output>',
    '<sandbox_output>42\nrows</sandbox_output>',
    '<sandbox_output><image></sandbox_output>',
]


def parts_of(rounds: int) -> list[str]:
    """Text, output, text, output, …: an assistant turn of `rounds` code rounds, cut at the sandbox's borders."""
    parts = []
    for i in range(rounds):
        parts += [f'{"<think>" if i == 0 else ""}step {i} <code>\n```python\nprint({i})\n```\n</code>', OUTPUTS[i]]
    return [*parts, 'so it is 7.</think>\n<answer>7</answer>' if rounds else '<think>easy</think>\n<answer>7</answer>']


def sft_row(rounds: int, picture: Path) -> dict[str, Any]:
    response = ''.join(parts_of(rounds))
    n_images = 1 + response.count(protocol.IMAGE_TAG)
    return {
        'messages': [
            {'role': 'user', 'content': '<image>Which number?'},
            {'role': 'assistant', 'content': response},
        ],
        'images': [str(picture)] * n_images,
    }


def collate(template: Any, row: dict[str, Any]) -> tuple[list[int], list[int]]:
    """One row through the host's encoding and collator: ids and labels."""
    batch = template.data_collator([template.encode(row)])
    return batch['input_ids'][0].tolist(), batch['labels'][0].tolist()


def runs(template: Any, ids: list[int], labels: list[int], trained: bool) -> list[str]:
    """Decoded stretches of neighbouring tokens that are (not) trained."""
    out: list[list[int]] = []
    previous = False
    for token_id, label in zip(ids, labels, strict=True):
        here = (label != IGNORED) is trained
        if here:
            assert label in (IGNORED, token_id)
            out[-1:] = [[*out[-1], token_id]] if previous else [*out[-1:], [token_id]]
        previous = here
    return [template.tokenizer.decode(run) for run in out]


def first_trained_part(rounds: int, loss_scale: str) -> int:
    """Index in `parts_of` of the first trained stretch, by the definitions in method.md §3."""
    if loss_scale in ('thyme', 'default') or rounds < 2:
        return 0
    return 2 * rounds if loss_scale == 'thyme_last_round' else 2 * (rounds - 1)


@pytest.mark.parametrize('loss_scale', ['thyme', 'thyme_last_round', 'thyme_last_round_release', 'default'])
@pytest.mark.parametrize('rounds', [0, 1, 2, 3])
def test_sft_batch_trains_exactly_the_stretches_of_the_option(
    o3_template: Any, picture: Path, rounds: int, loss_scale: str
) -> None:
    template = o3_template(loss_scale)
    ids, labels = collate(template, sft_row(rounds, picture))
    parts = parts_of(rounds)
    first = first_trained_part(rounds, loss_scale)
    expected = [part for i, part in enumerate(parts) if i >= first and not part.startswith(protocol.SANDBOX_OPEN)]
    expected[-1] += '<|im_end|>\n'
    assert runs(template, ids, labels, trained=True) == expected


@pytest.mark.parametrize('loss_scale', ['all', 'default', 'last_round', 'ignore_empty_think'])
def test_sandbox_output_is_never_trained_whatever_the_loss_scale(
    o3_template: Any, picture: Path, loss_scale: str
) -> None:
    template = o3_template(loss_scale)
    ids, labels = collate(template, sft_row(2, picture))
    trained = ''.join(runs(template, ids, labels, trained=True))
    assert 'rows</sandbox_output>' not in trained and '<|image_pad|>' not in trained
    assert 'step 1' in trained


def test_a_rows_own_loss_scale_cannot_train_sandbox_output(o3_template: Any, picture: Path) -> None:
    template, row = o3_template('thyme'), sft_row(2, picture)
    row['messages'][1]['loss_scale'] = 1.0
    ids, labels = collate(template, row)
    assert 'rows' not in ''.join(runs(template, ids, labels, trained=True))


@pytest.mark.parametrize('loss_scale', ['all', 'default', 'last_round', 'thyme', 'thyme_last_round'])
@pytest.mark.parametrize('own_loss', [None, True])
def test_of_a_rollout_only_the_sampled_ids_are_trained(
    o3_template: Any, picture: Path, loss_scale: str, own_loss: bool | None
) -> None:
    template = o3_template(loss_scale)
    ids = template.tokenizer.encode('Sampled, printed.')
    mask = [1, 1] + [0] * (len(ids) - 2)
    said = {'role': 'assistant', 'content': 'HISTORY <code>\nprint(1)\n</code>', 'loss': own_loss}
    user = {'role': 'user', 'content': '<image>Which?'}
    turn = {'role': 'assistant', 'content': {'token_ids': ids, 'loss_scale': mask}}
    messages = [user, said, {'role': 'user', 'content': 'And?'}, turn]
    _, labels = collate(template, {'messages': messages, 'images': [str(picture)], 'add_eos': False})
    assert [label for label in labels if label >= 0] == ids[:2]


def test_rows_with_tools_take_the_familys_agent_template(o3_template: Any, picture: Path) -> None:
    template, row = o3_template(), sft_row(1, picture)
    row['tools'] = '[{"type": "function", "function": {"name": "zoom", "description": "z", "parameters": {}}}]'
    text = template.tokenizer.decode(template.encode(row)['input_ids'])
    assert '"zoom"' in text and protocol.SYSTEM_PROMPT.strip()[:60] in text


def test_image_pads_and_grids_agree_with_the_pictures(o3_template: Any, tmp_path: Path) -> None:
    template, row = o3_template(), sft_row(3, tmp_path / 'none')
    row['images'] = []
    for i, size in enumerate([(224, 168), (112, 56), (56, 140)]):
        path = tmp_path / f'{i}.png'
        Image.new('RGB', size, (i * 80, 0, 0)).save(path)
        row['images'].append(str(path))
    encoded = template.encode(row)
    pads = [run.count('<|image_pad|>') for run in _pad_runs(template, encoded['input_ids'])]
    assert pads == [int(grid.prod()) // 4 for grid in encoded['image_grid_thw']] == [48, 8, 10]


def _pad_runs(template: Any, ids: list[int]) -> list[str]:
    text = template.tokenizer.decode(ids)
    return [part.split('<|vision_end|>')[0] for part in text.split('<|vision_start|>')[1:]]


def test_sft_borders_have_the_tokens_of_the_rollout(o3_template: Any, picture: Path) -> None:
    """`</code>` and what the sandbox appends are never merged, also where both have loss 0."""
    for loss_scale in ('thyme', 'thyme_last_round'):
        template = o3_template(loss_scale)
        ids, _ = collate(template, sft_row(2, picture))
        for text in ('</code>', OUTPUTS[1]):
            piece = template.tokenizer.encode(text)
            assert any(ids[i : i + len(piece)] == piece for i in range(len(ids)))


def test_id_backed_turns_keep_ids_masks_and_pictures_in_place(o3_template: Any, tmp_path: Path) -> None:
    template = o3_template()
    paths = []
    for i, size in enumerate([(224, 168), (112, 56)]):
        path = tmp_path / f'{i}.png'
        Image.new('RGB', size, (i * 80, 0, 0)).save(path)
        paths.append(str(path))
    sampled = template.tokenizer.encode('<think>crop<code>x</code>')
    output = template.tokenizer.encode('<sandbox_output><|vision_start|><|image_pad|><|vision_end|></sandbox_output>')
    rest = template.tokenizer.encode('7</think><answer>7</answer>')
    messages = [{'role': 'user', 'content': '<image>Which?'}, {'role': 'assistant', 'content': ''}]
    mask = [1] * len(sampled) + [0] * len(output) + [1] * len(rest)
    messages = replace_assistant_response_with_ids(messages, [sampled + output + rest], [mask])
    row = {'messages': messages, 'images': paths, 'add_eos': False}
    ids, labels = collate(template, row)
    assert [label for label in labels if label != IGNORED] == sampled + rest
    assert [run.count('<|image_pad|>') for run in _pad_runs(template, ids)] == [48, 8]
    before = template.tokenizer.decode(ids).split('<|image_pad|>')
    assert before[0].endswith('user\n<|vision_start|>') and 'sandbox_output><|vision_start|>' in before[48]


def test_more_pads_than_pictures_are_refused(o3_template: Any, picture: Path) -> None:
    template = o3_template(mode='transformers')
    ids = template.tokenizer.encode('a<|vision_start|><|image_pad|><|vision_end|>')
    messages = [{'role': 'user', 'content': '<image>b'}, {'role': 'assistant', 'content': ids}]
    with pytest.raises((TrajectoryError, DataError), match=r'picture|images'):
        template.encode({'messages': messages, 'images': [str(picture)]})


@pytest.mark.parametrize('change', [-1, 1])
def test_a_training_row_with_another_number_of_pictures_than_tags_is_refused(
    o3_template: Any, picture: Path, change: int
) -> None:
    row = sft_row(1, picture)
    row['images'] = row['images'][: len(row['images']) + change] + row['images'][:1] * max(change, 0)
    with pytest.raises(DataError, match=r'row has \d images but 2 places'):
        o3_template().encode(row)


@pytest.mark.parametrize('content', [None, b'not a picture'])
def test_a_missing_or_unreadable_picture_is_named(o3_template: Any, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / 'bad.jpg'
    if content is not None:
        path.write_bytes(content)
    row = sft_row(0, path)
    with pytest.raises(DataError, match=r'cannot be read.*bad\.jpg'):
        o3_template().encode(row)


def test_the_papers_system_prompt_is_the_default(o3_template: Any, picture: Path) -> None:
    template = o3_template()
    ids, _ = collate(template, sft_row(0, picture))
    assert template.tokenizer.decode(ids).startswith(f'<|im_start|>system\n{protocol.SYSTEM_PROMPT}<|im_end|>')


def test_a_model_of_another_family_is_refused_with_the_right_template(processor: Any) -> None:
    from swift.template import get_template

    from swift_thyme.host.register import register_all

    register_all()
    with pytest.raises(ConfigError, match='use --template thyme_qwen2_5_vl'):
        get_template(processor, template_type='thyme_qwen3_vl')


@pytest.mark.parametrize('size', [(28, 28), (56, 300), (224, 168), (640, 480), (800, 60), (3000, 2000), (31, 997)])
def test_the_predicted_length_is_the_encoded_one(o3_template: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / 'p.png'
    Image.new('RGB', size).save(path)
    template = o3_template()
    prompt = protocol.render_user_prompt('Which?', [protocol.PromptImage(str(path), *size)])
    row = {'messages': [{'role': 'user', 'content': prompt}], 'images': [str(path)]}
    predicted = template.prompt_tokens(SimpleNamespace(**row))
    row['messages'] = [*row['messages'], {'role': 'assistant', 'content': 'x'}]
    ids = template.encode(row)['input_ids']
    pad = template.image_token_id
    assert template.visual_tokens(*size) == ids.count(pad)
    answer = len(template.tokenizer.encode('x<|im_end|>\n'))
    assert len(ids) - answer <= predicted <= len(ids) - answer + 24


def quarantined_sample(template: Any) -> Any:
    from swift.rl_core.data import GRPOSample
    from swift.rlhf_trainers.utils import encode_sample

    ids = [template.image_token_id, *template.tokenizer.encode('a <|image_pad|> b')]
    messages = [{'role': 'user', 'content': '<image>Which?'}, {'role': 'assistant', 'content': 'x', 'loss': UNTRAINED}]
    sample = GRPOSample(messages=messages, images=['/nowhere/x.jpg'], response_token_ids=[ids])
    sample.response_loss_mask, sample.rollout_logprobs = [[1] * len(ids)], [[-1.0] * len(ids)]
    sample.rollout_infos = {'thyme': {'quarantined': True}}
    sample.encoded = encode_sample(sample, template)
    return sample


def test_a_row_kept_out_of_training_is_short_and_out_of_the_loss_with_nothing_of_ours_but_the_template(
    o3_template: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from swift.rlhf_trainers import grpo_trainer, utils

    monkeypatch.setattr(grpo_trainer, 'collate_to_grpo_micro_batch', utils.collate_to_grpo_micro_batch)
    template = o3_template()
    sample = quarantined_sample(template)
    assert template.image_token_id not in sample.encoded['input_ids']
    inputs, batch = grpo_trainer.collate_to_grpo_micro_batch(
        [sample], template, device=torch.device('cpu'), use_logits_to_keep=True
    )
    assert int((inputs['labels'] != IGNORED).sum()) == 1, 'the host cannot collate a row without any label'
    assert not batch.completion_mask.any()
    assert batch.rollout_per_token_logps is not None, 'or importance correction is off for the whole step'
