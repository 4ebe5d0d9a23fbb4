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


def shuffled(seed):
    """Pixels and labels in the order that a seed gives them before they are mixed."""
    torch.manual_seed(seed)
    order = torch.randperm(len(LABEL))
    torch.manual_seed(seed)
    return PIXELS[order], LABEL[order]


@pytest.mark.parametrize("seed", range(5))
def test_mixup_is_the_mean_by_the_labels_shares(seed):
    plain, label = shuffled(seed)
    pixels, share = mix(PIXELS, LABEL, "mixup", 0.4)
    unlike = int(torch.nonzero(label != other(label))[0, 0])
    kept = float(share[unlike, label[unlike]])
    torch.testing.assert_close(pixels, kept * plain.float() + (1 - kept) * other(plain).float(), atol=1e-3, rtol=0)
    whole = torch.nn.functional.one_hot(label, 2).float()
    torch.testing.assert_close(share, kept * whole + (1 - kept) * other(whole))


@pytest.mark.parametrize("seed", range(5))
def test_cutmix_takes_a_box_whose_area_is_the_labels_share(seed):
    plain, label = shuffled(seed)
    pixels, share = mix(PIXELS, LABEL, "cutmix", 1.0)
    unlike = int(torch.nonzero(label != other(label))[0, 0])
    foreign = (pixels == other(plain).float()).all(dim=1) & (pixels != plain.float()).any(dim=1)
    rows, columns = foreign[unlike].any(dim=1), foreign[unlike].any(dim=0)
    assert bool(foreign[unlike][rows][:, columns].all())  # one box
    assert float(foreign[unlike].float().mean()) == pytest.approx(float(share[unlike, 1 - label[unlike]]), abs=1e-6)
    assert bool(((pixels == plain.float()).all(dim=1) | foreign).all())


def test_pictures_of_a_class_are_mixed_too_where_classes_take_turns():
    label = torch.arange(6) % 2
    torch.manual_seed(0)
    shares = [mix(PIXELS, label, "mixup", 1.0)[1].max(dim=1).values for _ in range(20)]
    assert 10 < sum(int((share > 1 - 1e-6).sum()) for share in shares) < 90


def test_both_tosses_a_coin_and_a_seed_repeats_it():
    def kinds():
        torch.manual_seed(7)
        return [bool((mix(PIXELS, LABEL, "both", 1.0)[0] % 1 == 0).all()) for _ in range(20)]  # cutmix keeps integers

    assert kinds() == kinds()
    assert 3 < sum(kinds()) < 17
