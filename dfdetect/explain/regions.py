"""Regions of a face from YuNet's box and five landmarks, and how the evidence of a map spreads over them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dfdetect.data.face_parts import Points, ellipse, face_axes, filled, part_outlines
from dfdetect.data.resize import Frame
from dfdetect.data.yunet import Face
from dfdetect.explain.grid import Grid, cell_shares, enlarged

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

REGIONS = ("left_eye", "right_eye", "nose", "mouth", "skin", "hair_background")
"""Disjoint, and together the whole picture. Left and right are the person's own."""
MERGED = {
    "eyes": ("left_eye", "right_eye"),
    "nose": ("nose",),
    "mouth": ("mouth",),
    "skin": ("skin",),
    "hair/background": ("hair_background",),
}
"""What a person is shown, with the regions that each is made of."""

BEHIND = {"fake": "of what says fake", "real": "of what says real", "uncertain": "of all evidence"}
"""What `Share.behind` is a share of, by verdict."""

_LEAST = 1e-6

_OVAL = 1.04
"""Of the face's box."""
_NOTHING = 1e-9


def regions(face: Face, frame: Frame, shape: tuple[int, int]) -> dict[str, Mask]:
    """The regions of a face.

    The landmarks give place, size and tilt of eyes, nose and mouth; skin is what else lies in the face's oval. They are
    ellipses and a polygon of usual proportions, not outlines: good for shares, not for cutting out.

    Args:
        face: in the picture's pixels.
        frame: what was judged.
        shape: (H, W) of the masks, which cover the frame.

    Returns:
        One (H, W) mask for each of `REGIONS`; each pixel is in exactly one.
    """
    to_mask = _Canvas(frame, shape)
    axes = face_axes(face.landmarks)
    outlines = part_outlines(face.landmarks) | {"skin": _oval(face, np.stack([axes.across, axes.down]))}
    drawn = {name: to_mask.fill(outline) for name, outline in outlines.items()}
    free, found = np.ones(shape, np.bool_), {}
    for name in ("left_eye", "right_eye", "mouth", "nose", "skin"):
        found[name] = drawn[name] & free
        free &= ~drawn[name]
    return {name: found.get(name, free) for name in REGIONS}


@dataclass(frozen=True)
class Share:
    """What a region has of a map.

    Attributes:
        area: of the picture, in [0, 1].
        fake: of all that speaks for fake, in [0, 1]; None where nothing does.
        real: of all that speaks for real, likewise.
        absolute: of all that speaks for either, in [0, 1]; None where nothing does.
        logits: what it adds to the map's mean, in the map's unit; each cell's value is divided among the regions, so
            that they sum to that mean.
        absolute_fake: of `absolute`, what speaks for fake; the rest speaks for real.
    """

    area: float
    fake: float | None
    real: float | None
    absolute: float | None
    absolute_fake: float | None
    logits: float

    def behind(self, verdict: str) -> float | None:
        """Of what speaks for a verdict, as `BEHIND` words it: what says the other would explain nothing of it."""
        return {"fake": self.fake, "real": self.real}.get(verdict, self.absolute)


def shares(evidence: Floats, masks: Mapping[str, Mask], grid: Grid | None = None) -> dict[str, Share]:
    """How a map's evidence spreads over regions.

    Args:
        evidence: (h, w), signed, of any size: it is enlarged to the masks' size.
        masks: (H, W) each, as `regions` gives them.
        grid: where the map's cells lie; None for their middles.

    Returns:
        A share for each mask, in their order.
    """
    height, width = next(iter(masks.values())).shape
    values = np.asarray(enlarged(evidence, (height, width), grid), np.float64)
    sides = np.stack([np.maximum(values, 0), np.maximum(-values, 0)])
    fake, real = (float(total) for total in sides.sum(axis=(1, 2)))
    found = {}
    for name, mask in masks.items():
        here_fake, here_real = (float(part) for part in sides[:, mask].sum(axis=1))
        found[name] = Share(
            area=float(mask.mean()),
            fake=_part(here_fake, fake, values.size),
            real=_part(here_real, real, values.size),
            absolute=_part(here_fake + here_real, fake + real, values.size),
            absolute_fake=_part(here_fake, fake + real, values.size),
            logits=float((cell_shares(mask, evidence.shape, grid) * evidence).mean()),
        )
    return found


def merged(masks: Mapping[str, Mask]) -> dict[str, Mask]:
    """The five regions that a person is shown: both eyes as one."""
    return {name: np.logical_or.reduce([masks[one] for one in parts]) for name, parts in MERGED.items()}


def turning_point(p_fake: float, threshold: float) -> str:
    """The score and where the verdict turns, in logits, as maps are: a threshold below 0.5 turns below 0."""
    score, turn = (np.log(p) - np.log1p(-p) for p in np.clip((p_fake, threshold), _LEAST, 1 - _LEAST))
    return f"As a logit, p_fake is {score:+.2f}; from {turn:+.2f} on it is called fake."


def _part(part: float, total: float, pixels: int) -> float | None:
    return part / total if total > _NOTHING * pixels else None


def _oval(face: Face, axes: Points) -> Points:
    """The ellipse in the face's box, tilted as the face is."""
    centre = np.array([face.left + face.width / 2, face.top + face.height / 2])
    return centre + ellipse(face.width / 2 * _OVAL, face.height / 2 * _OVAL) @ axes


class _Canvas:
    """Draws polygons, given in the picture's pixels, into masks of a frame."""

    def __init__(self, frame: Frame, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._origin = np.array([frame.left, frame.top])
        self._stretch = np.array([shape[1] / frame.width, shape[0] / frame.height])

    def fill(self, points: Points) -> Mask:
        return filled((points - self._origin) * self._stretch, self._shape).astype(np.bool_)
