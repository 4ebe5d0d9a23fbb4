"""Rings against numpy's transform, sampled direction by direction, and against plain means over rings."""

import math

import numpy as np
import pytest
import torch

from dfdetect.models.frontends.spectrum import RadialSpectrum
from tests.models.frontends.pictures import faces, luma_of, tensor_of


def logarithms(pixels):
    """Scaled log power (N, H, W), all frequencies, 0 first."""
    return (np.log(np.abs(np.fft.fft2(luma_of(pixels), norm="ortho")) ** 2 + 1 / 12) - 2.5) / 2


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 64), (51, 37)])
def test_each_ring_is_the_mean_over_directions(height, width):
    pixels = faces(height, width)
    whole, rings = logarithms(pixels), min(height, width) // 2
    means = np.empty((rings + 1, 2))
    for ring in range(rings + 1):
        angles = [math.pi * (k + 0.5) / 180 - math.pi / 2 for k in range(180)]
        frequencies = [(ring / (2 * rings) * math.sin(angle), ring / (2 * rings) * math.cos(angle)) for angle in angles]
        places = [(round(y * height) % height, min(round(x * width), width // 2)) for y, x in frequencies]
        means[ring] = np.mean([whole[:, y, x] for y, x in places], axis=0)
    found = RadialSpectrum()(tensor_of(pixels)).numpy()[:, 0]
    for y in range(height):
        for x in range(width):
            distance = math.hypot((y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5)
            np.testing.assert_allclose(found[:, y, x], means[min(round(2 * rings * distance), rings)], atol=2e-3)


def test_it_is_about_the_mean_of_all_coefficients_of_a_ring():
    pixels = faces(96, 96)
    whole = logarithms(pixels)
    frequency = np.fft.fftfreq(96) * 96
    ring = np.rint(np.hypot(*np.meshgrid(frequency, frequency))).astype(int)
    plain = np.array([whole[:, ring == r].mean(axis=1) for r in range(49)]).T
    profile = RadialSpectrum()(tensor_of(pixels)).numpy()[:, 0, 47, 48:]  # from the centre to the right
    assert np.corrcoef(profile[:, 2:].ravel(), plain[:, 3:].ravel())[0, 1] > 0.98


def test_a_wave_lights_up_its_ring():
    wave = 128 + 60 * torch.sin(2 * math.pi * 16 * torch.arange(64.0) / 64).expand(1, 3, 64, 64)
    profile = RadialSpectrum()(wave)[0, 0, 32, 32:]
    assert int(profile[3:].argmax()) + 3 in (15, 16)
