"""Where a network looks while it learns: the same validation images after each epoch, with the evidence in them."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, zip_longest

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from dfdetect.data.dataset import DeepfakeDataset
from dfdetect.data.samples import FAKE, REAL, Samples
from dfdetect.errors import DecodeError
from dfdetect.explain.colours import EVIDENCE
from dfdetect.explain.evidence_figure import evidence_figure
from dfdetect.explain.grid import Grid, grid_of
from dfdetect.explain.maps import Maps, evidence
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.layers import PooledLinearHead, margin_of, without_autocast

Pixels = npt.NDArray[np.uint8]
MAX_SHOWN = 32


@dataclass(frozen=True)
class ShownImages:
    """N images that are shown each time, a real one and a fake one in turn.

    Attributes:
        pixels: (N, S, S, 3) RGB uint8, as the network sees them.
        label: (N,) 0 real, 1 fake.
        names: N paths, as they are listed.
    """

    pixels: Pixels
    label: npt.NDArray[np.int64]
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)


def order_by_fingerprint(samples: Samples, label: int, fingerprint: str) -> Iterator[int]:
    """Rows of one class in the order in which they are shown: one of each source after the other.

    Order and sources' order depend on a hash of their names and the fingerprint alone, so whoever divides the same
    images alike sees the same ones, wherever they lie.
    """

    def key(name: str) -> bytes:
        return hashlib.blake2b(f"{fingerprint}\0{name}".encode(), digest_size=8).digest()

    sources, by_source = samples.column("source"), defaultdict[str, list[int]](list)
    for row in np.flatnonzero(samples.labels == label).tolist():
        by_source[sources[row]].append(row)
    ranked = [sorted(by_source[name], key=lambda row: key(samples.paths[row])) for name in sorted(by_source, key=key)]
    return (row for turn in zip_longest(*ranked) for row in turn if row is not None)


def shown_images(dataset: DeepfakeDataset, fingerprint: str, most: int) -> ShownImages:
    """The images to show: real and fake ones in turn, and no broken file.

    Args:
        dataset: the validation part.
        fingerprint: of it, as `DeepfakeDataModule.part_fingerprint` gives it.
        most: at most so many, 1 or more; of a class with too few images all.
    """
    found = [
        list(islice(_readable(dataset, order_by_fingerprint(dataset.samples, label, fingerprint)), share))
        for label, share in ((REAL, (most + 1) // 2), (FAKE, most // 2))
    ]
    shown = [one for pair in zip_longest(*found) for one in pair if one is not None]
    rows = [row for row, _ in shown]
    size, samples = dataset.size, dataset.samples
    pixels = np.stack([pixels for _, pixels in shown]) if shown else np.empty((0, size, size, 3), np.uint8)
    return ShownImages(pixels, samples.labels[rows].astype(np.int64), [samples.paths[row] for row in rows])


def _readable(dataset: DeepfakeDataset, rows: Iterable[int]) -> Iterator[tuple[int, Pixels]]:
    for row in rows:
        with suppress(DecodeError):
            yield row, dataset.pixels(row)


class _Uncompiled(nn.Module):
    """The detector without torch.compile, for its few images, and with gradients where its backbone is frozen."""

    def __init__(self, detector: DeepfakeDetector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.detector.head(self.detector.features(pixels, compiled=False))
        return logits


def look(detector: DeepfakeDetector, pixels: Pixels) -> Maps:
    """What each place of (N, S, S, 3) pixels says, in logits, by the class activation map.

    By Grad-CAM for a detector that does not end in average pooling and a linear layer. Without autocast, as in
    validation, so that both show the same network. It is left as it was, its mode and its random state included.

    Args:
        detector: as it is just now.
        pixels: RGB uint8.

    Raises:
        MissingExtraError: it takes Grad-CAM, which is not installed.
        ExplainError: no layer of it has places.
    """
    training, head = detector.training, detector.head
    detector.eval()
    try:
        with without_autocast(head.linear.weight):
            if isinstance(head, PooledLinearHead):
                return _activation_maps(detector, head, pixels)
            return _grad_cam(detector, pixels)
    finally:
        detector.train(training)


def _activation_maps(detector: DeepfakeDetector, head: PooledLinearHead, pixels: Pixels) -> Maps:
    inputs = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).to(detector.device)
    with torch.no_grad():
        features = detector.features(inputs, compiled=False)
        p_fake, heatmap = detector.p_fake(margin_of(head(features))), head.heatmap(features)
    maps = evidence(heatmap.cpu().numpy(), float(detector.facts["temperature"]))
    grid = _grid(detector, pixels, bool(detector.hparams["test_time_flip"]), maps.shape[-1])
    return Maps(p_fake.float().cpu().numpy(), maps, EVIDENCE, "cam", grid)


def _grad_cam(detector: DeepfakeDetector, pixels: Pixels) -> Maps:
    from dfdetect.explain.gradients import GradientExplainer  # with the library that it needs

    mirrors, detector.hparams["test_time_flip"] = bool(detector.hparams["test_time_flip"]), False
    temperature, grid = float(detector.facts["temperature"]), partial(_grid, detector, pixels, mirrors)
    try:
        with torch.inference_mode(False):  # in which Lightning validates
            return GradientExplainer(_Uncompiled(detector), "gradcam", temperature, grid=grid, mirrors=mirrors)(pixels)
    finally:
        detector.hparams["test_time_flip"] = mirrors


def _grid(detector: DeepfakeDetector, pixels: Pixels, mirrored: bool, cells: int) -> Grid:
    return replace(grid_of(detector.spec.centred_on_first, pixels.shape[1], cells), mirrored=mirrored)


def overlay_figure(detector: DeepfakeDetector, images: ShownImages, title: str) -> Figure:
    """The figure of one epoch. Raises what `look` does."""
    maps = look(detector, images.pixels)
    return evidence_figure(
        list(images.pixels),
        maps.values,
        images.label,
        maps.p_fake,
        images.names,
        title if maps.method == "cam" else f"{title}, Grad-CAM",
        threshold=float(detector.facts["threshold"]),
        scale=maps.scale,
        grid=maps.grid,
    )
