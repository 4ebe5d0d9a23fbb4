"""`data.crop: native`: pixels stay as they are, and training cuts squares out of them."""

from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch

from dfdetect.data.cache import Decoder, open_store
from dfdetect.data.dataset import DeepfakeDataset
from dfdetect.data.decode import decode
from dfdetect.data.pairs import PairDataset
from dfdetect.data.resize import resize
from dfdetect.data.samples import load_samples
from dfdetect.data.transforms import Augmentation, random_cut

from .blending.faces import write_landmarks
from .helpers import draw_classes
from .test_datamodule import module


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return draw_classes(tmp_path_factory.mktemp("native") / "faces", 20, size=(50, 71))


def trained(root, augment=(), seed=0, size=24, room=40):
    samples = load_samples(root)
    store = open_store("off", Decoder(room, "native"), len(samples))
    return DeepfakeDataset(samples, store, size, Augmentation(list(augment)), seed, crop="native")


def is_slice_of(pixels, image):
    """Whether it lies somewhere in the image, bit by bit."""
    windows = np.lib.stride_tricks.sliding_window_view(image, pixels.shape)
    return bool((windows == pixels).all(axis=(3, 4, 5)).any())


def test_evaluation_takes_the_centred_slice(root):
    image = decode(str(root / "real/000.png"))
    np.testing.assert_array_equal(resize(image, 24, "native"), image[13:37, 23:47])
    np.testing.assert_array_equal(resize(image, 50, "native"), image[:, 10:60])
    data = module(root, image_size=24, crop="native", zoom_room=1.5)
    data.setup("fit")
    for place, file in enumerate(data.part("val").paths):
        expected = resize(decode(str(root / file)), 24, "native")
        np.testing.assert_array_equal(data.datasets["val"].pixels(place), expected)
        shown: Any = data.datasets["val"][place]
        np.testing.assert_array_equal(shown["image"].numpy(), expected.transpose(2, 0, 1))


def test_a_smaller_picture_is_enlarged_just_so_far():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize(image, 24, "native"), resize(image, 24, "center"))
    thin = np.zeros((1, 5000, 3), np.uint8)
    assert resize(thin, 24, "native").shape == (24, 24, 3)


def test_training_cuts_slices_that_differ_by_epoch_and_come_again(root):
    data, again, other = trained(root), trained(root), trained(root, seed=1)
    cuts = [data[epoch, 3]["image"] for epoch in range(6)]
    stored = decode(data.samples.file(3))
    for epoch, cut in enumerate(cuts):
        assert torch.equal(cut, again[epoch, 3]["image"])
        assert is_slice_of(cut.permute(1, 2, 0).numpy(), stored)
    assert len({cut.numpy().tobytes() for cut in cuts}) == 6
    assert not torch.equal(cuts[0], other[0, 3]["image"])
    np.testing.assert_array_equal(data.pixels(3), resize(stored, 24, "native"))


def test_every_place_is_equally_likely():
    y, x = np.mgrid[:7, :9]
    image = np.stack([y, x, x * 0], axis=2).astype(np.uint8)
    places = [tuple(random_cut(image, 5, 0, epoch, 0)[0, 0, :2].tolist()) for epoch in range(3000)]
    counts = {place: places.count(place) for place in places}
    assert set(counts) == {(top, left) for top in range(3) for left in range(5)}
    assert min(counts.values()) > 140  # of 200 each: more than four standard deviations
    assert max(counts.values()) < 260


def test_what_has_the_size_already_stays_as_it_is(root):
    fixed = trained(root, [A.CenterCrop(24, 24)])
    first, second = (fixed[epoch, 2]["image"] for epoch in (0, 1))
    assert torch.equal(first, second)
    smaller = trained(root, [A.CenterCrop(10, 30)])
    assert smaller[0, 2]["image"].shape == (3, 24, 24)


def test_both_of_a_pair_are_cut_alike(root, tmp_path, monkeypatch):
    from dfdetect.data.blending.faces import given_landmarks

    marks = str(write_landmarks(tmp_path / "marks.npz", root))
    found = lambda photos, given, decoder, *_: given_landmarks(photos, marks, decoder.size)  # noqa: E731
    monkeypatch.setattr("dfdetect.data.blending.faces.landmarks_of", found)
    data = module(root, image_size=24, crop="native", zoom_room=1.5, blending=["mouth"], augment=[], batch_size=4)
    data.setup("fit")
    pairs: Any = data.datasets["train"]
    assert isinstance(pairs, PairDataset)
    for epoch in range(3):
        for pair in range(len(pairs) // 2):
            shown: Any = [pairs[epoch, 2 * pair + i] for i in (0, 1)]
            real, fake = (one["image"].numpy() for one in shown)
            assert (real == fake).mean() > 0.5  # the mouth alone was changed; noise cut elsewhere differs everywhere


def test_a_fit_says_what_codecs_leave(root, capsys, caplog):
    def said(**settings):
        caplog.clear()
        with caplog.at_level("INFO"):
            module(root, image_size=24, **settings).setup("fit")
        return [one for one in caplog.messages if "codec" in one]

    (line,) = said(crop="native")
    assert f"dfdetect audit {root}" in line
    assert "--data.normalise_encoding 90" in line
    assert "\n" not in line
    assert not said(crop="native", normalise_encoding=90)
    assert not said(crop="center")
