from dataclasses import replace

import numpy as np
import pytest

from dfdetect.data.face_crop import Cut
from dfdetect.explain.occlusion import CELLS, occlusion
from tests.deploy.standin import FACTS, Standin


class Corner:
    """p_fake's logit is 8 times the share of white pixels in the first quarter."""

    def __init__(self, heat):
        self.facts, self.heat = replace(FACTS, input_size=56, temperature=2.0), heat

    def prepare(self, image, name=""):
        return image

    def cut(self, image):
        return Cut(image, 0, 0)

    def judge(self, batch):
        white = (batch[:, :28, :28] > 200).all(axis=3)
        logits = 8 * white.mean(axis=(1, 2))
        p_fake = (1 / (1 + np.exp(-logits))).astype(np.float32)
        return p_fake, np.tile(2 * logits[:, None, None], (1, 3, 3)).astype(np.float32) if self.heat else None


@pytest.mark.parametrize("heat", [True, False])
def test_only_places_that_count_lose_anything_and_lose_what_was_covered(heat):
    batch = np.zeros((2, 56, 56, 3), np.uint8)
    batch[0, :28, :28] = 255
    found = occlusion(Corner(heat))(batch)
    assert found.values.shape == (2, CELLS, CELLS)
    assert found.p_fake == pytest.approx([1 / (1 + np.exp(-8)), 0.5])
    # a window of 16 pixels, of which all, half or nothing lies in the 28 of the quarter
    assert found.values[0, 1, 1] == pytest.approx(8 * (16 / 28) ** 2, abs=0.01)
    assert found.values[0, 0, 1] == pytest.approx(8 * 12 * 16 / 28**2, abs=0.01)
    assert found.values[0, 4:] == pytest.approx(0, abs=0.01)
    assert found.values[1] == pytest.approx(0, abs=1e-6)


def test_a_saturated_answer_without_heatmap_is_finite():
    found = occlusion(Standin(change=lambda p: np.ones_like(p), heat=False))(np.zeros((1, 32, 32, 3), np.uint8))
    assert np.isfinite(found.values).all()
    assert (found.values == 0).all()


def test_what_speaks_for_real_is_negative():
    batch = np.full((1, 32, 32, 3), 0, np.uint8)
    batch[..., 0] = 200
    batch[:, :16, :16, 0] = 0
    found = occlusion(Standin())(batch).values[0]
    assert found[1, 1] < 0 < found[5, 5]
