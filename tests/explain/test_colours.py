"""The scale of evidence, judged by CIE lightness and by simulated colour vision."""

import cv2
import numpy as np
import pytest

from dfdetect.explain.colours import EVIDENCE, FAKE_END, NEUTRAL, REAL_END, Scale, coloured, table

from .helpers import floats

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), of
# full severity, in linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "none": [[0.2126, 0.7152, 0.0722]] * 3,
}


def seen(colours, vision):
    """CIE Lab of sRGB colours, (n, 3), as an eye sees them."""
    share = np.asarray(colours, np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    simulated = np.clip(linear @ np.array(VISION[vision]).T, 0, 1)
    back = np.where(simulated <= 0.0031308, 12.92 * simulated, 1.055 * simulated ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(back.astype(np.float32)[None], cv2.COLOR_RGB2LAB)[0].astype(np.float64)


@pytest.mark.parametrize("vision", VISION)
def test_lightness_rises_all_the_way_from_real_to_fake_for_every_eye(vision):
    lightness = seen(table(65), vision)[:, 0]
    assert (np.diff(lightness) > 0).all()
    assert lightness[-1] - lightness[32] > 15
    assert lightness[32] - lightness[0] > 15


@pytest.mark.parametrize("vision", VISION)
def test_colours_leave_neutral_steadily_and_both_ends_are_far_apart(vision):
    lab = seen(table(65), vision)
    away = np.linalg.norm(lab - lab[32], axis=1)
    assert (np.diff(away[32:]) > 0).all()
    assert (np.diff(away[:33]) < 0).all()
    assert np.linalg.norm(lab[0] - lab[-1]) > 40


def test_a_colour_depends_on_its_value_alone():
    alone, beside = coloured(floats([2.0])), coloured(floats([2.0, 800.0, -3.0]))
    np.testing.assert_array_equal(alone[0], beside[0])


def test_ends_neutral_and_what_lies_outside():
    full = EVIDENCE.full
    values = floats([-full, 0, full, -9 * full, 9 * full, np.nan, np.inf])
    wanted = [REAL_END, NEUTRAL, FAKE_END, REAL_END, FAKE_END, NEUTRAL, NEUTRAL]
    np.testing.assert_array_equal(coloured(values), wanted)
    assert coloured(np.zeros((3, 4, 5), np.float32)).shape == (3, 4, 5, 3)


def test_next_to_nothing_looks_like_nothing():
    little = coloured(floats([-0.1, 0.1])).astype(int)
    assert np.abs(little - NEUTRAL).max() <= 2


def test_each_scale_has_its_own_end():
    np.testing.assert_array_equal(coloured(floats([3.0]), Scale(3.0, "x"))[0], FAKE_END)
