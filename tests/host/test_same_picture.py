"""Model, prompt, sandbox and record see the same picture, whatever a phone or a scanner wrote into its file."""

from __future__ import annotations

import ast
import asyncio
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from qwen_vl_utils import vision_process
from swift.infer_engine.protocol import RolloutInferRequest

from swift_thyme import picture, protocol
from swift_thyme.engines import Message
from swift_thyme.engines.host import host_request
from swift_thyme.host import budget
from swift_thyme.host.scheduler import input_images
from swift_thyme.infer import Question
from swift_thyme.rewards.scorer import data_url
from swift_thyme.sandbox import InputImage, ZygoteSandbox, shared_sandbox
from swift_thyme.serve.pictures import PictureRules, read_reference, settle
from swift_thyme.trajectories import Record

UPRIGHT_PX = (400, 600)
RED = (254, 0, 0)
READ = (
    'import cv2\nfrom PIL import Image\na = Image.open(image_path); b = cv2.imread(image_path)\n'
    'print(a.size, a.convert("RGB").getpixel((20, 20)), b.shape[1::-1], tuple(b[20, 20][::-1].tolist()))'
)


def photo(folder: Path, orientation: int, ending: str) -> Path:
    """A photo that a viewer shows upright with a red top left corner, as a sensor stores it."""
    upright = Image.new('RGB', UPRIGHT_PX, 'white')
    ImageDraw.Draw(upright).rectangle((0, 0, 120, 80), fill=RED)
    undo = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turn = undo[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = folder / f'{orientation}{ending}'
    lossless = {'quality': 100} | ({'lossless': True} if ending == '.webp' else {})
    (upright if turn is None else upright.transpose(turn)).save(path, exif=exif, **lossless)
    assert ImageOps.exif_transpose(Image.open(path)).size == UPRIGHT_PX
    return path


def is_upright(image: Image.Image) -> bool:
    shown = image.convert('RGB')
    near = np.abs(np.subtract(shown.getpixel((20, 20)), RED)).max() < 5
    return bool(shown.width < shown.height and near)


def read_by_code(sandbox: ZygoteSandbox, given: InputImage) -> str:
    async def go() -> str:
        async with await sandbox.open([given]) as session:
            return (await session.run(READ)).text.strip()

    return asyncio.run(go())


@pytest.mark.parametrize(('orientation', 'ending'), [(1, '.jpg'), (3, '.jpg'), (6, '.jpg'), (8, '.png'), (6, '.webp')])
def test_a_turned_photo_is_upright_for_everybody(
    o3_template: Any, tmp_path: Path, orientation: int, ending: str
) -> None:
    path = photo(tmp_path, orientation, ending)
    template = o3_template()
    prompt = protocol.render_user_prompt('Which?', [protocol.PromptImage('images/1', *UPRIGHT_PX)])
    request = RolloutInferRequest(messages=[{'role': 'user', 'content': prompt}], images=[str(path)])
    question = Question('Which?', (path,))
    assert protocol.prompt_image_paths(question.conversation().messages[-1].content)
    assert f'"{UPRIGHT_PX[0]}x{UPRIGHT_PX[1]}"' in question.conversation().messages[-1].content
    assert picture.size(str(path)) == UPRIGHT_PX
    for mode in ('train', 'transformers', 'vllm'):
        template.set_mode(mode)
        for row in (request, host_request(question.conversation(), template)):
            encoded = template.encode(row, return_template_inputs=True)
            assert all(is_upright(one) for one in encoded['template_inputs'].images), mode
    read = {read_by_code(shared_sandbox(), given) for given in (*input_images(request), *question.sandbox_images())}
    for line in read:
        size, first, other, second = ast.literal_eval(f'[{line.replace(") (", "), (")}]')
        assert (
            size == other == UPRIGHT_PX and np.abs(np.subtract(first, second)).max() < 3 and first[0] > 250 > first[1]
        )
    rules = PictureRules(folders=(tmp_path,))
    stored = settle(read_reference(f'file://{path}', 'x', rules, tmp_path / 'stored'), rules, decode=True)
    assert is_upright(Image.open(stored))
    assert orientation == 1 or data_url(Record(), str(path)).startswith('data:image/png')


def test_sixteen_bits_are_eight_for_model_and_code(o3_template: Any, tmp_path: Path) -> None:
    ramp = (np.tile(np.arange(300), (200, 1)) * 200).astype('uint16')
    path = tmp_path / 'deep.png'
    Image.fromarray(ramp).save(path)
    template = o3_template()
    template.set_mode('vllm')
    row = {'messages': [{'role': 'user', 'content': '<image>q'}], 'images': [str(path)]}
    (shown,) = template.encode(row, return_template_inputs=True)['template_inputs'].images
    values = np.asarray(shown)[..., 0]
    assert values[0, 2] < 8 and 100 < values[0, values.shape[1] // 2] < 130 and values[0, -2] > 225
    (given,) = Question('x', (path,)).sandbox_images()
    assert '(16, 16, 16) (300, 200) (16, 16, 16)' in read_by_code(shared_sandbox(), given)


def test_what_every_reader_sees_alike_is_not_touched() -> None:
    for mode, ending in (('RGB', 'JPEG'), ('L', 'PNG'), ('P', 'PNG'), ('RGBA', 'PNG'), ('CMYK', 'JPEG')):
        out = io.BytesIO()
        Image.new(mode, (40, 30)).save(out, ending)
        content = out.getvalue()
        assert picture.plain(content) is content


def test_pictures_below_the_hosts_root_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new('RGB', (40, 30)).save(tmp_path / '1.png')
    monkeypatch.setenv('ROOT_IMAGE_DIR', str(tmp_path))
    assert picture.resolve('1.png') == tmp_path / '1.png'


# Pixel budgets.


@pytest.fixture
def processor_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A processor with a stored budget, beside what a training run leaves or not, and no budget in the environment."""
    for name in ('MAX_PIXELS', 'MIN_PIXELS', 'IMAGE_MAX_TOKEN_NUM', 'IMAGE_MIN_TOKEN_NUM'):
        monkeypatch.delenv(name, raising=False)
        if name.startswith('IMAGE'):
            monkeypatch.setattr(vision_process, name, {'IMAGE_MAX_TOKEN_NUM': 16_384}.get(name, 4))
    monkeypatch.setattr(budget, '_HOST_TOKENS', {})

    def make(trained: bool) -> Any:
        from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

        images = Qwen2VLImageProcessor()
        images.size = {'shortest_edge': 3_136, 'longest_edge': 50_176}
        images.save_pretrained(tmp_path)
        (tmp_path / 'args.json').unlink(missing_ok=True)
        if trained:
            (tmp_path / 'args.json').write_text(json.dumps({}))
        return SimpleNamespace(image_processor=Qwen2VLImageProcessor.from_pretrained(tmp_path))

    return make


def test_a_trained_checkpoint_is_asked_at_its_own_budget(processor_of: Any, tmp_path: Path) -> None:
    budget.settle_budget(processor_of(trained=True), str(tmp_path))
    assert vision_process.IMAGE_MAX_TOKEN_NUM == 64


def test_a_base_model_has_the_hosts_budget_also_after_another_was_loaded(processor_of: Any, tmp_path: Path) -> None:
    budget.settle_budget(processor_of(trained=True), str(tmp_path))
    base = processor_of(trained=False)
    budget.settle_budget(base, str(tmp_path))
    assert vision_process.IMAGE_MAX_TOKEN_NUM == 16_384 and base.image_processor.size['longest_edge'] == 12_845_056


def test_a_budget_of_the_environment_is_stored_and_said_where_it_overrides(
    processor_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(budget.logger, 'warning', said.append)
    monkeypatch.setattr(vision_process, 'IMAGE_MAX_TOKEN_NUM', 200)
    processor = processor_of(trained=True)
    monkeypatch.setenv('MAX_PIXELS', '156800')
    budget.settle_budget(processor, str(tmp_path))
    assert processor.image_processor.size['longest_edge'] == 156_800
    assert said == [
        'MAX_PIXELS overrides the checkpoint: it was trained with 50176, pictures are now shown with 156800; unset '
        'MAX_PIXELS to show them as in training'
    ]


def test_a_rows_own_system_prompt_is_asked_as_it_was_trained() -> None:
    history = (Message('system', 'Look closely.'),)
    for tools in (True, False):
        asked = Question('x', history=history, trained_system=True).conversation(tools=tools)
        assert asked.messages[0].content == 'Look closely.'


@pytest.mark.parametrize(('asked', 'expected'), [(None, 0), (0, 0), (-1, 0), (7, 7)])
def test_top_k_on_the_transformers_engine_is_what_was_asked(o3_template: Any, asked: int | None, expected: int) -> None:
    from swift.infer_engine import RequestConfig
    from swift.infer_engine.utils import prepare_generation_config
    from transformers import GenerationConfig

    template = o3_template()
    config = prepare_generation_config(
        GenerationConfig(), RequestConfig(max_tokens=3, temperature=1.0, top_k=asked), template.tokenizer
    )
    assert template.prepare_generate_kwargs({'generation_config': config})['generation_config'].top_k == expected
