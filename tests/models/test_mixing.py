"""Mixed pixels are what their labels say: shares of two images, by value or by area."""

import numpy as np
import pytest
import torch

from dfdetect.models.mixing import mix

PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (6, 3, 20, 24), dtype=np.uint8))
LABEL = torch.tensor([0, 1, 1, 0, 1, 0])


def other(values):
    """What each image of a batch is mixed with: the one before it."""
    return values.roll(1, 0)


@pytest.mark.parametrize("seed", range(5))
def test_mixup_is_the_mean_by_the_labels_shares(seed):
    torch.manual_seed(seed)
    pixels, share = mix(PIXELS, LABEL, "mixup", 0.4)
    kept = float(share[1, 1])  # a fake after a real: what is left of itself
    assert float(share[0, 0]) == pytest.approx(1.0)  # a real after a real
    torch.testing.assert_close(pixels, kept * PIXELS.float() + (1 - kept) * other(PIXELS).float(), atol=1e-3, rtol=0)
    torch.testing.assert_close(share.sum(dim=1), torch.ones(6))


@pytest.mark.parametrize("seed", range(5))
def test_cutmix_takes_a_box_whose_area_is_the_labels_share(seed):
    torch.manual_seed(seed)
    pixels, share = mix(PIXELS, LABEL, "cutmix", 1.0)
    foreign = (pixels == other(PIXELS).float()).all(dim=1) & (pixels != PIXELS.float()).any(dim=1)
    rows, columns = foreign[1].any(dim=1), foreign[1].any(dim=0)
    assert bool(foreign[1][rows][:, columns].all())  # one box
    assert float(foreign[1].float().mean()) == pytest.approx(float(share[1, 0]), abs=1e-6)
    assert bool(((pixels == PIXELS.float()).all(dim=1) | foreign).all())


def test_both_tosses_a_coin_and_a_seed_repeats_it():
    def kinds():
        torch.manual_seed(7)
        return [bool((mix(PIXELS, LABEL, "both", 1.0)[0] % 1 == 0).all()) for _ in range(20)]  # cutmix keeps integers

    assert kinds() == kinds()
    assert 3 < sum(kinds()) < 17
