"""One item is one decoded image with all its variants, prepared as the clean image is."""

import numpy as np
import pytest
from PIL import Image

import dfdetect.data.corrupted as module
from dfdetect.data.cache import Decoder
from dfdetect.data.corrupted import CorruptedDataset
from dfdetect.data.decode import decode
from dfdetect.data.encoding import reencode
from dfdetect.data.resize import resize
from dfdetect.data.samples import Samples
from dfdetect.evaluation.corruptions import corrupt

VARIANTS = [("jpeg", 50.0), ("noise", 10.0), ("crop", 0.2), ("shared", 0.5)]


@pytest.fixture
def samples(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (60 + 10 * i, 50, 3), np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return Samples(tmp_path, ["0.png", "1.png", "2.png", "broken.png"], np.array([0, 1, 0, 1], np.int8))


@pytest.mark.parametrize("quality", [None, 60])
@pytest.mark.parametrize("crop", ["resize", "center"])
def test_variants_are_corrupted_at_their_own_size_then_prepared_as_the_clean_image(samples, crop, quality):
    dataset = CorruptedDataset(samples, [2, 0], VARIANTS, Decoder(32, crop, quality), seed=4)
    assert len(dataset) == 2
    index, images = dataset[0]
    assert index == 2
    assert images.shape == (4, 3, 32, 32)
    pixels = decode(samples.file(2))
    for image, variant in zip(images.numpy(), VARIANTS, strict=True):
        changed = corrupt(pixels, variant, 4, "2.png")
        expected = resize(changed if quality is None else reencode(changed, quality), 32, crop)
        assert np.array_equal(image.transpose(1, 2, 0), expected), variant


def test_each_file_is_decoded_once_however_many_variants(samples, monkeypatch):
    decoded = []

    def counted(path):
        decoded.append(path)
        return decode(path)

    monkeypatch.setattr(module, "decode", counted)
    dataset = CorruptedDataset(samples, [0, 1], VARIANTS, Decoder(32), seed=0)
    for place in range(len(dataset)):
        dataset[place]
    assert decoded == [samples.file(0), samples.file(1)]


def test_an_unreadable_file_has_no_variants(samples):
    index, images = CorruptedDataset(samples, [3], VARIANTS, Decoder(32), seed=0)[0]
    assert index == 3
    assert images.shape == (0, 3, 32, 32)
