"""The pictures that explanations are scored on: each with its map and, where it is known, what was forged."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from dfdetect.data.ciplab import edited_parts
from dfdetect.data.decode import decode
from dfdetect.data.resize import Frame
from dfdetect.data.samples import FAKE, Samples
from dfdetect.data.yunet import Face
from dfdetect.deploy.verdicts import Judge
from dfdetect.errors import DecodeError
from dfdetect.explain.grid import Grid
from dfdetect.explain.maps import Explainer
from dfdetect.explain.truth import Truth, generated_folder, truth_of_drawing, truth_of_parts

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Search = Callable[[Pixels], Sequence[Face]]
"""The faces of (H, W, 3) RGB uint8 pixels, the one to take first."""
_BATCH = 16


@dataclass(frozen=True)
class Case:
    """One picture.

    Attributes:
        path: as it is listed.
        picture: (S, S, 3) RGB uint8, as the network gets it.
        label: 0 real, 1 fake.
        group: of samples that belong together.
        source: where it comes from, or empty.
        p_fake: of the whole picture.
        evidence: (h, w), signed: positive where it speaks for fake.
        grid: where the cells of that lie in the picture.
        truth: of a fake; None where it is not known.
    """

    path: str
    picture: Pixels
    label: int
    group: str
    source: str
    p_fake: float
    evidence: Floats
    grid: Grid
    truth: Truth | None


@dataclass(frozen=True)
class Cases:
    """All of them, and what is missing.

    Attributes:
        cases: N, in the order in which they are listed.
        unread: number of files that could not be read.
        faceless: number of fakes of which the name says what was edited, but in which no face was found.
    """

    cases: list[Case]
    unread: int
    faceless: int


def collect(
    samples: Samples, detector: Judge, explainer: Explainer, search: Search | None, progress: bool = False
) -> Cases:
    """Read pictures, judge and explain them, and look up where fakes were forged.

    Args:
        samples: the pictures.
        detector: judges them.
        explainer: makes their maps.
        search: finds faces; None for no face detector, without which CIPLAB's names cannot be used.
        progress: show a progress bar.

    Raises:
        DataLayoutError: a file among generated faces is not what is drawn for its name.
    """
    looked_up = [_look_up(samples, i, detector, search) for i in _rows(samples, progress)]
    read = [(i, one) for i, one in enumerate(looked_up) if not isinstance(one, DecodeError)]
    groups, sources, cases = samples.groups(), samples.column("source"), list[Case]()
    for start in tqdm(range(0, len(read), _BATCH), desc="explaining", unit="batch", disable=not progress):
        part = read[start : start + _BATCH]
        maps = explainer(np.stack([picture for _, (picture, _) in part]))
        for (i, (picture, truth)), p_fake, values in zip(part, maps.p_fake.tolist(), maps.values, strict=True):
            known = truth if isinstance(truth, Truth) else None
            label = int(samples.labels[i])
            cases.append(
                Case(samples.paths[i], picture, label, groups[i], sources[i], p_fake, values, maps.grid, known)
            )
    return Cases(cases, len(samples) - len(read), sum(truth == "no face" for _, (_, truth) in read))


def _rows(samples: Samples, progress: bool) -> Iterator[int]:
    yield from tqdm(range(len(samples)), desc="reading", unit="image", disable=not progress)


def _look_up(
    samples: Samples, place: int, detector: Judge, search: Search | None
) -> tuple[Pixels, Truth | str | None] | DecodeError:
    """One picture prepared, and its truth; "no face" where that would be known but for the face."""
    file = samples.file(place)
    try:
        image = decode(file)
        cut = detector.cut(image)
        picture = detector.prepare(cut.pixels, file)
    except DecodeError as error:
        return error
    truth = (
        _truth(file, image, detector.facts.seen_of(cut), detector, search) if samples.labels[place] == FAKE else None
    )
    return picture, truth


def _truth(file: str, image: Pixels, frame: Frame, detector: Judge, search: Search | None) -> Truth | str | None:
    if generated_folder(file) is not None:
        return truth_of_drawing(file, image, frame, detector.facts.input_size)
    if search is None or not edited_parts(file):
        return None
    faces = search(image)
    return truth_of_parts(file, faces[0], frame, detector.facts.input_size) if faces else "no face"
