"""Photos to explanations: the faces of each, found and cut out as `scan` does it, with their maps and regions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.face_crop import cut_square
from dfdetect.data.resize import Frame, cut_out
from dfdetect.data.yunet import Face, search
from dfdetect.deploy.faces import MOST_FACES, fault
from dfdetect.deploy.photos import Settings, as_square
from dfdetect.deploy.verdicts import FaceVerdict, judged_face, rounded
from dfdetect.explain.colours import Scale
from dfdetect.explain.grid import Grid
from dfdetect.explain.maps import Explainer
from dfdetect.explain.overlay import overlay, with_regions
from dfdetect.explain.panel import SIDE, fitted, panel
from dfdetect.explain.regions import Share, merged, regions, shares, turning_point

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_BATCH = 16


@dataclass(frozen=True)
class Explained:
    """One face, or a whole picture, explained; or a face that cannot be judged.

    Attributes:
        verdict: as `scan` gives it.
        method: that made the map.
        pixels: (n, m, 3) what was judged; None where nothing was.
        evidence: (h, w), signed, in the scale's unit.
        scale: what its values mean.
        grid: where its cells lie.
        shares: of `MERGED` regions; empty without landmarks.
        found: the face; None for a whole picture.
        frame: of `pixels` in the picture.
    """

    verdict: FaceVerdict
    method: str
    pixels: Pixels | None = None
    evidence: Floats | None = None
    scale: Scale | None = None
    grid: Grid | None = None
    shares: dict[str, Share] | None = None
    found: Face | None = None
    frame: Frame | None = None

    def as_json(self) -> dict[str, Any]:
        """All but the pixels."""
        values = self.verdict.as_json() | {"method": self.method, "frame": self.frame}
        if self.evidence is None or self.scale is None or self.grid is None:
            return values
        return values | {
            "unit": self.scale.unit,
            "full_colour_at": self.scale.full,
            "mean": rounded(float(self.evidence.mean())),
            "map": [[rounded(value) for value in row] for row in self.evidence.tolist()],
            "cells_at": self.grid.as_json(),
            "regions": {name: _share_json(one) for name, one in (self.shares or {}).items()},
        }

    def picture(self, name: str, model: str, threshold: float) -> Pixels | None:
        """Its panel, (H, W, 3); None where nothing was judged."""
        if self.pixels is None or self.evidence is None or self.scale is None or self.frame is None:
            return None
        square = fitted(self.pixels, SIDE)
        over = overlay(square, self.evidence, self.scale, grid=self.grid)
        drawn = None
        if self.found is not None:
            drawn = with_regions(square, merged(regions(self.found, self.frame, square.shape[:2])))
        verdict = self.verdict
        said = f"p_fake {verdict.p_fake:.3f} (fake from {threshold:.3f})   {name}"
        notes = f"{verdict.reason}. " if verdict.reason else ""
        notes += f"{turning_point(verdict.p_fake, threshold)} " if verdict.p_fake is not None else ""
        notes += "A verdict is a guess with an error rate, and a map says where the network looked, not who is right."
        return panel((square, over, drawn), (verdict.verdict, said, model), self.scale, self.shares or {}, notes)


def explain_picture(image: Pixels, settings: Settings, explain: Explainer, method: str) -> list[Explained]:
    """Explain the faces of a picture, the largest first, or all of it where no faces are searched.

    Args:
        image: (H, W, 3) RGB uint8.
        settings: the detector and how faces are cut out.
        explain: makes the maps.
        method: its name.

    Returns:
        One entry a face; empty where none was found.
    """
    if settings.face_model is None:
        frame = settings.detector.facts.seen(image.shape)
        return list(_explained([(None, cut_out(image, frame), frame, image)], settings, explain))
    found = search(image, settings.face_model)[:MOST_FACES]
    good, bad = [], []
    for face in found:
        if why := fault(image, face):
            bad.append(Explained(FaceVerdict(face.box, None, "uncertain", why), method, found=face))
            continue
        cut = cut_square(image, face, settings.used_margin)
        frame = settings.detector.facts.seen_of(cut)
        good.append((face, cut_out(image, frame), frame, cut.pixels))
    return [*_explained(good, settings, explain), *bad]


def _explained(
    cuts: Sequence[tuple[Face | None, Pixels, Frame, Pixels]], settings: Settings, explain: Explainer
) -> Iterator[Explained]:
    """Of each cut: the face, what is shown, its frame, and what the network's input is made of."""
    detector = settings.detector
    for start in range(0, len(cuts), _BATCH):
        some = cuts[start : start + _BATCH]
        maps = explain(np.stack([detector.prepare(given) for *_, given in some]))
        for i, (face, shown, frame, _) in enumerate(some):
            square = None if not face and detector.facts.crop == "resize" else as_square(frame)
            box = face.box if face else None
            verdict = judged_face(detector.facts, float(maps.p_fake[i]), box=box, square=square)
            divided = shares(maps.values[i], _masks(face, frame), maps.grid) if face else {}
            yield Explained(verdict, maps.method, shown, maps.values[i], maps.scale, maps.grid, divided, face, frame)


def _masks(face: Face, frame: Frame) -> dict[str, npt.NDArray[np.bool_]]:
    return merged(regions(face, frame, (224, 224)))


def _share_json(share: Share) -> dict[str, float | None]:
    return {
        "area": rounded(share.area),
        "of_fake": rounded(share.fake),
        "of_real": rounded(share.real),
        "of_all": rounded(share.absolute),
        "adds": rounded(share.logits),
    }


def as_png(image: Pixels) -> bytes:
    """(H, W, 3) RGB uint8 as a PNG file's content."""
    done, content = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise RuntimeError("OpenCV could not encode a PNG: reinstall opencv-python-headless")
    return content.tobytes()
