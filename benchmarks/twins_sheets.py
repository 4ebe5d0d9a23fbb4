"""Pairs of images as contact sheets, for a person to judge: `audit_twins.py sample`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from twins_shared import Row

from dfdetect.data.audit.geometry import align, match
from dfdetect.data.audit.local_features import mirrored, unit_descriptors
from dfdetect.data.audit.twins import describe
from dfdetect.data.decode import decode

PER_SHEET, SHOWN = 10, 240


def write_sheets(root: Path, pairs: Sequence[Row], folder: Path) -> None:
    """Draw the pairs, numbered from 0, into sheet-NNN.png."""
    for start in range(0, len(pairs), PER_SHEET):
        tiles = [_tile(root, start + i, row) for i, row in enumerate(pairs[start : start + PER_SHEET])]
        tiles += [np.full_like(tiles[0], 255)] * (len(tiles) % 2)
        sheet = np.vstack([np.hstack(tiles[i : i + 2]) for i in range(0, len(tiles), 2)])
        cv2.imwrite(str(folder / f"sheet-{start:03d}.png"), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def _tile(root: Path, number: int, row: Row) -> npt.NDArray[np.uint8]:
    """A pair, the second mirrored back, then what matches in it, cut from both, the second laid on the first."""
    pictures: list[npt.NDArray[Any]] = [decode(root / row[key]) for key in ("first", "second")]
    one, other = map(describe, pictures)
    if int(row["mirrored"]):
        pictures[1], other = np.ascontiguousarray(pictures[1][:, ::-1]), mirrored(other)
    pairs = match(unit_descriptors(one) @ unit_descriptors(other).T)
    here = one.points[pairs[:, 0]]
    found = align(here, other.points[pairs[:, 1]])
    pictures = [cv2.resize(p, d.shape[::-1]) for p, d in zip(pictures, (one, other), strict=True)]
    cuts: list[npt.NDArray[Any]] = [
        np.full((SHOWN, SHOWN, 3), 255, np.uint8)
    ] * 2  # exact copies by another way than by matching
    if found:
        move, kept = found
        laid = cv2.warpAffine(pictures[1], move, one.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        left, top = np.clip(here[kept].min(axis=0) - 25, 0, None).astype(int)
        right, bottom = (here[kept].max(axis=0) + 25).astype(int)
        cuts = [picture[top:bottom, left:right] for picture in (pictures[0], laid)]
    tile = np.full((SHOWN + 30, 4 * SHOWN + 20, 3), 255, np.uint8)
    tile[30:, : 4 * SHOWN] = np.hstack([cv2.resize(picture, (SHOWN, SHOWN)) for picture in (*pictures, *cuts)])
    text = f"{number}: {row['first']} {row['second']} inliers {row['inliers']} agreement {row['agreement']}"
    return np.asarray(cv2.putText(tile, text, (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA))
