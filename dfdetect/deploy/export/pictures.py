"""Which pictures an exported file is proven on, and which an int8 one is calibrated with: never those of the test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dfdetect.data.cache import Decoder, open_store
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.data.decode import decode
from dfdetect.data.samples import Samples, list_images, load_samples
from dfdetect.errors import DataLayoutError, DecodeError, ExportError
from dfdetect.evaluation.metrics import Labels

Pixels = npt.NDArray[np.uint8]
Load = Callable[[int, str], Pixels]


@dataclass(frozen=True)
class Pictures:
    """N picture files, read when they are asked for, and then prepared for the network unless it says otherwise.

    Attributes:
        name: what they are, in words.
        paths: N paths, as they are listed.
        labels: (N,) 0 real, 1 fake; None where nobody knows.
        groups: N names.
        load: pixels of one, (S, S, 3) uint8; raises `DecodeError`.
    """

    name: str
    paths: list[str]
    labels: Labels | None
    groups: list[str]
    load: Callable[[int], Pixels]

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, most: int, seed: int = 0) -> "Pictures":
        """At most so many, drawn by chance, in their order."""
        if len(self) <= most:
            return self
        rows = np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False)).tolist()
        return Pictures(
            f"{most} of {len(self)} images of {self.name}",
            [self.paths[i] for i in rows],
            None if self.labels is None else self.labels[rows],
            [self.groups[i] for i in rows],
            lambda place: self.load(rows[place]),
        )

    def batches(self, size: int = 32) -> Iterator[tuple[list[int], Pixels]]:
        """Places and pixels, (size, S, S, 3); files that cannot be read are left out."""
        places: list[int] = []
        images: list[Pixels] = []
        for place in range(len(self)):
            try:
                images.append(self.load(place))
                places.append(place)
            except DecodeError:
                pass
            if images and (len(images) == size or place == len(self) - 1):
                yield places, np.stack(images)
                places, images = [], []


def training_data(
    checkpoint: dict[str, Any],
    root: str | None,
    way_on: str = "Name them as the training did: --data ROOT (a folder or a manifest)",
) -> DeepfakeDataModule:
    """The data that a checkpoint was trained on, divided as it was.

    Args:
        checkpoint: as `read_detector_checkpoint` gives it.
        root: where it lies now: a folder or a manifest; None for where it lay. A layout of somebody's own lists it
            there too, unless it is a manifest.
        way_on: what to do where it is not there, for the message.

    Raises:
        ExportError: it is not there, or these are other images, or divided in another way.
    """
    kept = checkpoint.get("datamodule_hyper_parameters", {})
    settings = {name: kept[name] for name in signature(DeepfakeDataModule).parameters if name in kept}
    settings |= {"num_workers": 0, "generate": 0, "download": False}
    if root is not None:
        settings |= {"root": root, "manifest": None}
        if Path(root).suffix.lower() == ".csv":
            settings["layout"] = None
    data = DeepfakeDataModule(**settings)
    try:
        found = data.split_facts()
    except DataLayoutError as error:
        raise ExportError(f"The training's images cannot be listed: {_sentence(error)} {way_on}") from error
    trained = checkpoint["dfdetect"]["split"]
    if not trained or trained["fingerprint"] != found["fingerprint"]:
        raise ExportError(
            f"{data.origin} does not hold the images that this checkpoint was trained on, or divides them in another "
            f"way, so images of its test part might be used. {way_on}"
        )
    return data


def _sentence(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") + "."


def part_of(data: DeepfakeDataModule, name: str) -> Pictures:
    """The images of `train` or `val`."""
    samples = data.part(name)
    store = open_store(data.cache, data.decoder(), len(samples), data.cache_dir)
    return _part(data, name, samples, store.load)


def originals_of(data: DeepfakeDataModule, name: str) -> Pictures:
    """The images of `train` or `val` as they lie there: `load` gives (H, W, 3) uint8 of any size."""
    return _part(data, name, data.part(name), lambda _, file: decode(file))


def pictures_in(folder: str, decoder: Decoder) -> Pictures:
    """Images of a folder or manifest, labelled where its layout says so."""
    try:
        samples = load_samples(folder)
    except DataLayoutError:
        samples = list_images(folder)
        return _pictures(Path(folder).name, samples, None, decoder.load)
    return _pictures(Path(folder).name, samples, samples.labels.astype(np.int64), decoder.load)


def _part(data: DeepfakeDataModule, name: str, samples: Samples, load: Load) -> Pictures:
    return _pictures(f"the {name} part of {data.title}", samples, samples.labels.astype(np.int64), load)


def _pictures(name: str, samples: Samples, labels: Labels | None, load: Load) -> Pictures:
    return Pictures(name, samples.paths, labels, samples.groups(), lambda place: load(place, samples.file(place)))
