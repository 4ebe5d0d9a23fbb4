"""Corruptions: pure functions of pixels, severity and seed; stronger severities leave less of the picture."""

import io
import math

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dfdetect.errors import UsageError
from dfdetect.evaluation.corruptions import CORRUPTIONS, DEFAULT_CORRUPTIONS, corrupt, variants_of

VARIANTS = variants_of(DEFAULT_CORRUPTIONS)
SAME_SIZE = [name for name in DEFAULT_CORRUPTIONS if name not in ("crop", "shared")]


@pytest.fixture(scope="module")
def picture():
    """A smooth picture with edges and fine grain, higher than wide."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:150, 0:120]
    waves = np.stack([127 + 90 * np.sin(x / (5 + c) + y / 17) for c in range(3)], axis=2)
    waves[40:90, 30:80] += (60, -40, 20)
    return np.clip(waves + rng.normal(0, 4, waves.shape), 0, 255).astype(np.uint8)


def psnr(one, other):
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


@pytest.mark.parametrize("variant", VARIANTS, ids=[f"{name}-{severity:g}" for name, severity in VARIANTS])
def test_pixels_stay_rgb_uint8_and_the_input_as_it_was(variant, picture):
    before = picture.copy()
    changed = corrupt(picture, variant, 3, "a.jpg")
    assert changed.dtype == np.uint8
    assert changed.ndim == 3
    assert changed.shape[2] == 3
    assert changed.flags.c_contiguous
    assert np.array_equal(picture, before)
    assert changed.shape != picture.shape or not np.array_equal(changed, picture)
    assert np.array_equal(corrupt(picture, variant, 3, "a.jpg"), changed)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 300, 3), (37, 3, 3)])
def test_tiny_and_narrow_pictures_survive(shape):
    image = np.full(shape, 200, np.uint8)
    for variant in VARIANTS:
        assert min(corrupt(image, variant).shape) >= 1, variant


@pytest.mark.parametrize("name", SAME_SIZE)
def test_a_stronger_severity_leaves_less(name, picture):
    left = [psnr(corrupt(picture, variant), picture) for variant in VARIANTS if variant[0] == name]
    if name in ("brightness", "contrast"):  # both ways from 1: each way by itself
        assert left[0] < left[1]
        assert left[3] < left[2]
    else:
        assert left == sorted(left, reverse=True)
        assert left[0] > left[-1] + 1


def test_sharing_twice_leaves_less_than_one_upload_and_less_the_smaller_it_is(picture):
    def enlarged(image):
        return cv2.resize(image, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)

    shared = [corrupt(picture, ("shared", factor)) for factor in (1.0, 0.75, 0.5)]
    assert [image.shape[0] for image in shared] == [150, 84, 38]
    left = [psnr(enlarged(image), picture) for image in shared]
    assert psnr(corrupt(picture, ("jpeg", 75)), picture) > left[0] > left[1] > left[2]


def test_crop_keeps_the_middle(picture):
    assert np.array_equal(corrupt(picture, ("crop", 0.2)), picture[15:135, 12:108])


def test_noise_has_its_deviation_and_is_another_for_each_image_seed_and_severity():
    grey = np.full((200, 200, 3), 128, np.uint8)
    noise = corrupt(grey, ("noise", 10), 0, "a.jpg").astype(float) - 128
    assert noise.std() == pytest.approx(10, rel=0.02)
    assert abs(noise.mean()) < 0.1
    others = [
        corrupt(grey, ("noise", 10), 0, "b.jpg"),
        corrupt(grey, ("noise", 10), 1, "a.jpg"),
        corrupt(grey, ("noise", 10.5), 0, "a.jpg"),
    ]
    for other in others:
        assert abs(np.corrcoef(noise.ravel(), other.astype(float).ravel())[0, 1]) < 0.02


def test_brightness_and_contrast_are_the_plain_arithmetic():
    image = np.array([[[0, 100, 200], [10, 20, 30]]], np.uint8)
    assert corrupt(image, ("brightness", 1.5)).tolist() == [[[0, 150, 255], [15, 30, 45]]]
    assert corrupt(image, ("contrast", 0.5)).tolist() == [[[30, 80, 130], [35, 40, 45]]]


def test_blur_is_scipys_gaussian(picture):
    sigma = 0.02 * 120
    reference = ndimage.gaussian_filter(picture.astype(float), (sigma, sigma, 0), mode="mirror", truncate=3.0)
    assert np.abs(corrupt(picture, ("blur", 2.0)) - reference).max() <= 1.5


@pytest.mark.parametrize(("name", "save"), [("jpeg", "JPEG"), ("webp", "WEBP")])
@pytest.mark.parametrize("quality", [90, 50, 30])
def test_codecs_save_as_pillow_does(name, save, quality, picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, save, quality=quality)
    reference = np.asarray(Image.open(file).convert("RGB"))
    ours = corrupt(picture, (name, quality))
    assert psnr(ours, reference) > psnr(ours, picture) + 4
    assert psnr(ours, picture) == pytest.approx(psnr(reference, picture), abs=0.5)


def test_colours_keep_their_places():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 220
    for variant in VARIANTS:
        mean = corrupt(red, variant).mean(axis=(0, 1))
        assert mean[0] > 2 * max(mean[1], mean[2]), variant


def test_severities_go_from_mild_to_strong_and_only_once():
    assert variants_of({"jpeg": [30, 95, 30], "noise": [9, 3], "brightness": [1.5, 0.5]}) == [
        ("jpeg", 95),
        ("jpeg", 30),
        ("noise", 3),
        ("noise", 9),
        ("brightness", 0.5),
        ("brightness", 1.5),
    ]
    assert variants_of({"brightness": [0.5, 0.8]}) == [("brightness", 0.8), ("brightness", 0.5)]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"jepg": [50]}, "no corruption 'jepg'; there are: jpeg, webp"),
        ({"jpeg": [0]}, "jpeg takes JPEG quality, whole, from 1 to 100, not 0"),
        ({"jpeg": [101]}, "not 101"),
        ({"webp": [50.5]}, "whole, from 1 to 100, not 50.5"),
        ({"scale": [1.0]}, "from 0.01 to 1 but 1, not 1"),
        ({"noise": [math.nan]}, "not nan"),
        ({"blur": [-1.0]}, "not -1"),
        ({"crop": [1.0]}, "not 1"),
        ({}, "names nothing"),
        ({"jpeg": []}, "names nothing"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(wanted, said):
    with pytest.raises(UsageError, match=r"robustness\.corruptions") as error:
        variants_of(wanted)
    assert said in str(error.value)


def test_every_corruption_has_default_severities():
    assert list(DEFAULT_CORRUPTIONS) == list(CORRUPTIONS)
