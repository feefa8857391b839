"""Pictures as the model is shown them: the same pixels in rollouts and training, decoded once, within a bound."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from swift_thyme.host import shown
from swift_thyme.host.shown import KeptMemory, ShownPictures
from swift_thyme.host.shown import shown_pictures as of_the_process

ROW = {'messages': [{'role': 'user', 'content': '<image>Which?'}, {'role': 'assistant', 'content': 'None.'}]}


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> ShownPictures:
    """An empty memory in the place of the process's."""
    own = ShownPictures(1 << 30)
    monkeypatch.setattr(shown, 'shown_pictures', lambda: own)
    return own


@pytest.fixture(params=['jpg', 'png with alpha', 'grey png', 'bytes'])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A picture of noise in one of the ways in which rows hold them."""
    noise = np.random.default_rng(0).integers(0, 256, (333, 217, 4), dtype=np.uint8)
    kind, path = request.param, tmp_path / 'noise.png'
    if kind == 'grey png':
        Image.fromarray(noise[..., 0]).save(path)
    elif kind == 'jpg':
        path = path.with_suffix('.jpg')
        Image.fromarray(noise[..., :3]).save(path)
    else:
        Image.fromarray(noise).save(path)
    return {'bytes': path.read_bytes(), 'path': None} if kind == 'bytes' else str(path)


@pytest.fixture
def template(o3_template: Any) -> Any:
    """The O3 template of the tiny checkpoint."""
    return o3_template()


def trained_pixels(template: Any, stored: Any) -> torch.Tensor:
    template.set_mode('train')
    pixels: torch.Tensor = template.encode({**ROW, 'images': [stored]})['pixel_values']
    return pixels


def engine_pixels(template: Any, stored: Any) -> torch.Tensor:
    """What vLLM makes of the picture that the host hands to it."""
    template.set_mode('vllm')
    (image,) = template.encode({'messages': ROW['messages'][:1], 'images': [stored]})['images']
    pixels: torch.Tensor = template.processor.image_processor(images=[image], return_tensors='pt', do_resize=False)[
        'pixel_values'
    ]
    return pixels


def test_engine_and_training_see_the_same_pixels_in_any_order(
    template: Any, stored: Any, memory: ShownPictures
) -> None:
    from_disk = trained_pixels(template, stored)
    assert len(memory) == 0, 'training, which sees a row once, keeps nothing'
    sampled_with = engine_pixels(template, stored)
    assert len(memory) == 1
    assert torch.equal(sampled_with, from_disk)
    assert torch.equal(engine_pixels(template, stored), from_disk)
    assert torch.equal(trained_pixels(template, stored), from_disk)


def test_a_picture_that_changed_on_disk_is_read_again(template: Any, tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    Image.new('RGB', (112, 112), 'red').save(path)
    before = engine_pixels(template, str(path))
    Image.new('RGB', (140, 112), 'blue').save(path)
    assert engine_pixels(template, str(path)).shape != before.shape


def test_a_picture_of_a_group_is_decoded_once(template: Any, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    load = type(template)._show
    monkeypatch.setattr(type(template), '_show', lambda self, given: loads.append(given) or load(self, given))
    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(template.show, [str(picture)] * 8))
    assert loads == [str(picture)] and all(image is images[0] for image in images)


def test_an_unreadable_picture_raises_for_everyone_who_asks(template: Any, tmp_path: Path) -> None:
    path = tmp_path / 'broken.png'
    path.write_bytes(b'no picture')
    for _ in range(2):
        with pytest.raises(OSError, match='cannot identify image'):
            template.show(str(path))


def test_what_the_host_must_do_is_left_to_it(template: Any) -> None:
    assert template.show('http://example.invalid/a.png') is None
    assert template.show('no/such/file.png') is None


def test_the_least_recently_used_go_first() -> None:
    memory = ShownPictures(4 * 100 * 100 * 2)
    image = Image.new('RGB', (100, 100))
    for key in 'ab':
        memory.get_or_make(key, lambda: image)
    assert memory.get('a') is image
    memory.get_or_make('c', lambda: image)
    assert [key for key in 'abc' if memory.get(key)] == ['a', 'c']


def test_a_bound_of_zero_keeps_nothing() -> None:
    memory = ShownPictures(0)
    assert memory.get_or_make('a', lambda: Image.new('RGB', (9, 9))) is not None
    assert len(memory) == 0


@pytest.mark.parametrize(('mb', 'kept'), [('0', 0), ('1', 1)])
def test_what_a_process_keeps_is_bounded_by_the_variable(mb: str, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('THYME_PICTURE_MB', mb)
    of_the_process.cache_clear()
    memory = of_the_process()
    of_the_process.cache_clear()
    for name in 'ab':  # each of 0.75 MB
        memory.get_or_make(name, lambda: Image.new('RGB', (500, 500)))
    assert len(memory) == kept


def test_threads_that_wait_for_a_failed_one_try_themselves() -> None:
    memory, begun, image = ShownPictures(1 << 20), threading.Event(), Image.new('RGB', (9, 9))

    def fails() -> None:
        begun.set()
        raise OSError('disk')

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(memory.get_or_make, 'a', fails)
        assert begun.wait(10)
        assert pool.submit(memory.get_or_make, 'a', lambda: image).result(10) is image
    assert isinstance(first.exception(), OSError)


def test_pictures_shown_side_by_side_are_those_shown_one_by_one_and_unreadable_ones_are_left_out(
    template: Any, tmp_path: Path, memory: ShownPictures
) -> None:
    paths = [tmp_path / f'{i}.jpg' for i in range(4)]
    for i, path in enumerate(paths):
        noise = np.random.default_rng(i).integers(0, 256, (400, 300, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
    alone = [np.asarray(template.show(str(path))) for path in paths]
    memory._kept.clear()
    torn = tmp_path / 'torn.jpg'
    torn.write_bytes(paths[0].read_bytes()[:500])
    asyncio.run(template.show_all([*map(str, paths), str(torn)]))
    assert len(memory) == len(paths)
    assert all(np.array_equal(np.asarray(template.show(str(p))), seen) for p, seen in zip(paths, alone, strict=True))


def test_nothing_is_decoded_ahead_where_nothing_is_kept(
    template: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, decoded = tmp_path / 'a.png', []
    Image.new('RGB', (112, 112)).save(path)
    monkeypatch.setattr(shown, 'shown_pictures', lambda: ShownPictures(0))
    monkeypatch.setattr(template, '_show', decoded.append)
    asyncio.run(template.show_all([str(path)]))
    assert decoded == []


def test_memory_of_freed_pictures_is_kept_until_the_last_has_left() -> None:
    def free_one() -> int:
        Image.new('RGB', (2000, 1000)).close()
        return int(pillow.get_stats()['blocks_cached'])

    pillow: Any = Image.core  # type: ignore[attr-defined]
    memory, before = KeptMemory(), pillow.get_blocks_max()
    with memory:
        with memory:
            assert free_one() > 0
        assert free_one() > 0
    assert pillow.get_blocks_max() == before
    assert pillow.get_stats()['blocks_cached'] <= before
