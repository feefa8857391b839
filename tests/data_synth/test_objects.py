"""The small shapes that questions name."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from swift_thyme.data.synth.scenes.objects import PAINTERS, object_sprite


def _filled(shape: str, turned_deg: int) -> np.ndarray:
    picture = object_sprite(shape, 'red', 64).rotate(turned_deg, resample=Image.Resampling.BILINEAR, expand=True)
    picture = picture.crop(picture.getbbox()).resize((64, 64))
    colors = np.asarray(picture).astype(int)
    filled: np.ndarray = (colors[..., 3] > 127) & (colors[..., 1] < 200)  # a pin's hole and a star's rim are white
    return filled


@pytest.mark.parametrize(('shape', 'other'), list(combinations(PAINTERS, 2)))
def test_no_shape_looks_like_another_however_it_is_turned(shape: str, other: str) -> None:
    one = _filled(shape, 0)
    turned = [_filled(other, degrees) for degrees in range(0, 360, 15)]
    assert max((one & two).sum() / (one | two).sum() for two in turned) < 0.86
