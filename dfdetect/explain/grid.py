"""Where the cells of a map lie in the picture it explains.

A padded convolution with stride 2 has its output i centred on input 2i, not in the middle of the two inputs it stands
for. After five of them a cell of MobileNetV2 or ResNet18 looks at a place half a cell further up and left than a map
that is simply enlarged shows: 16 of 224 pixels, the way from a mouth to its chin. Patches lie in their cells' middles.
Which of both a backbone does stands in the registry, and goes with checkpoints and exported files.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Places of a map's cells along both sides, as shares of the picture's side.

    Attributes:
        start: of the first cell's centre.
        step: from one to the next.
        mirrored: the map is the mean of a picture's and its mirror image's, so across it lies in the middles.
    """

    start: float
    step: float
    mirrored: bool = False

    def as_json(self) -> dict[str, Any]:
        """What a program needs to lay the map over its picture."""
        return {"first": round(self.start, 6), "step": round(self.step, 6), "mirrored": self.mirrored}


def grid_of(centred_on_first: bool, size: int, cells: int) -> Grid:
    """The grid of a network's map.

    Args:
        centred_on_first: whether cell i looks at pixel i * step of its input.
        size: the network's input side in pixels.
        cells: of one side of the map.
    """
    steps = [2**power for power in range(12) if -(-size // 2**power) == cells]
    if centred_on_first and steps:
        return Grid(0.5 / size, steps[-1] / size)
    return middles(cells)


def middles(cells: int) -> Grid:
    """Cells that divide the picture, each looking at its own middle."""
    return Grid(0.5 / cells, 1 / cells)


def enlarged(evidence: Floats, shape: tuple[int, int], grid: Grid | None = None) -> Floats:
    """A map (h, w) at (H, W), linear between its cells' places; None for those in the middles."""
    down, across = _weights_of(shape, evidence.shape, grid)
    return np.asarray(down @ np.asarray(evidence, np.float64) @ across.T, np.float32)


def cell_shares(mask: npt.NDArray[np.bool_], cells: tuple[int, int], grid: Grid | None = None) -> Weights:
    """How much of each cell falls into a mask, (H, W): (h, w) in [0, 1], by the weights that `enlarged` has."""
    down, across = _weights_of(mask.shape, cells, grid)
    found: Weights = (down.T @ mask @ across) / np.maximum(np.outer(down.sum(axis=0), across.sum(axis=0)), 1e-12)
    return found


def _weights_of(shape: tuple[int, ...], cells: tuple[int, ...], grid: Grid | None) -> tuple[Weights, Weights]:
    """Of the rows and of the columns."""
    across = None if grid is None or grid.mirrored else grid
    return _weights(shape[0], cells[0], grid), _weights(shape[1], cells[1], across)


def _weights(pixels: int, cells: int, grid: Grid | None) -> Weights:
    """(pixels, cells): what each pixel of a line takes from each cell; beyond the last ones their value goes on."""
    grid = grid or middles(cells)
    place = np.clip(((np.arange(pixels) + 0.5) / pixels - grid.start) / grid.step, 0, cells - 1)
    weights: Weights = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(cells)))
    return weights
