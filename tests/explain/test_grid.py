"""Where cells lie: against OpenCV's resize, and against the gradients of every backbone."""

import cv2
import numpy as np
import pytest
import torch

from dfdetect.explain.grid import Grid, cell_shares, enlarged, grid_of, middles
from dfdetect.models.backbones import BACKBONES, get_backbone

from .helpers import floats


@pytest.mark.parametrize(
    ("cells", "pixels"), [((7, 7), (224, 224)), ((2, 5), (100, 60)), ((1, 1), (3, 4)), ((4, 4), (4, 4))]
)
def test_cells_in_their_middles_are_enlarged_as_opencv_does(cells, pixels):
    evidence = np.random.default_rng(0).normal(size=cells).astype(np.float32)
    wanted = cv2.resize(evidence, pixels[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(enlarged(evidence, pixels), wanted, atol=1e-5)


def test_a_cell_has_its_value_at_its_place_and_goes_on_beyond_the_last():
    evidence = floats([[1, 2], [3, 5]])
    large = enlarged(evidence, (100, 100), Grid(0.005, 0.5))
    assert large[0, 0] == 1
    assert large[50, 50] == pytest.approx(5)
    np.testing.assert_allclose(large[50:, 50:], 5)
    assert large[0, 25] == pytest.approx(1.5)


@pytest.mark.parametrize("grid", [None, Grid(0.5 / 224, 32 / 224), Grid(0.9, 0.5)])
def test_cells_are_divided_without_rest_among_masks_that_cover_the_picture(grid):
    rng = np.random.default_rng(0)
    part = rng.random((50, 60)) < 0.3
    first, second = cell_shares(part, (7, 7), grid), cell_shares(~part, (7, 7), grid)
    reached = first + second
    assert (np.isclose(reached, 1) | np.isclose(reached, 0)).all()
    if grid is None:
        np.testing.assert_allclose(reached, 1)


MAPS = sorted(name for name, one in BACKBONES.items() if one.form == "map" and name != "tiny")


@pytest.mark.parametrize("backbone", [*MAPS, "timm:mobilenetv2_050", "timm:regnetx_002"])
def test_each_backbones_cells_look_where_its_grid_says(backbone):
    """By the centre of gravity of squared gradients: a cell's neighbours are 32 pixels away, its middle 16."""
    size = 448
    torch.manual_seed(0)
    if backbone.startswith("timm:"):
        pytest.importorskip("timm")
    spec = get_backbone(backbone)
    network = spec.build().eval()
    pixels = torch.randn(1, 3, size, size, requires_grad=True)
    features = network(pixels)
    cell, weights = features.shape[-1] // 2, torch.randn(4, features.shape[1])
    squares = torch.zeros(size, size)
    for weight in weights:
        (gradient,) = torch.autograd.grad((features[0, :, cell, cell] * weight).sum(), pixels, retain_graph=True)
        squares += gradient[0].square().sum(0)
    squares[squares < 0.02 * squares.max()] = 0  # squeeze and excitation sees everything, a little
    grid, middle = grid_of(spec.centred_on_first, size, features.shape[-1]), torch.arange(size) + 0.5
    for axis in (0, 1):
        centre = float((squares.sum(1 - axis) * middle).sum() / squares.sum())
        assert centre == pytest.approx(size * (grid.start + grid.step * cell), abs=5)


@pytest.mark.parametrize(
    ("size", "cells", "step"), [(224, 7, 32), (112, 4, 32), (80, 3, 32), (40, 2, 32), (224, 14, 16)]
)
def test_steps_of_inputs_that_are_no_multiple(size, cells, step):
    assert grid_of(True, size, cells) == Grid(0.5 / size, step / size)


def test_patches_and_what_is_not_known_lie_in_the_middles():
    assert grid_of(False, 224, 7) == middles(7) == Grid(1 / 14, 1 / 7)
    assert grid_of(True, 224, 100) == middles(100)


@pytest.mark.parametrize("cell", range(1, 6))
def test_a_map_that_was_averaged_with_its_mirror_images_lies_between_both(cell):
    """The picture's own cell looks at pixel 32 * cell, the mirror image's, turned back, at 31 further right."""
    values = np.zeros((7, 7), np.float32)
    values[cell, cell] = 1
    own = np.arange(224) == 32 * cell
    turned = (np.arange(224) == 32 * (6 - cell))[::-1]
    middle = np.flatnonzero(own | turned).mean()
    large = enlarged(values, (224, 224), Grid(0.5 / 224, 32 / 224, mirrored=True))
    across, down = (np.average(np.arange(224), weights=large.sum(axis=axis)) for axis in (0, 1))
    assert across == pytest.approx(middle)
    assert down == pytest.approx(32 * cell)
