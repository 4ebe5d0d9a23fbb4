"""Which images there are: a table of paths, labels and optional columns, from a folder or a manifest.

Columns, not objects: a million rows stay below 500 MB. Nothing is decoded here.
"""

import csv
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dfdetect.data.decode import IMAGE_SUFFIXES
from dfdetect.data.layouts import REALS_ALONE, ClassFolder, find_class_folders
from dfdetect.data.listed import Listed, read_rows
from dfdetect.data.walk import Unlisted, walk
from dfdetect.errors import DataLayoutError
from dfdetect.rows import numbered_rows

REAL, FAKE = 0, 1
CLASS_NAMES = ("real", "fake")
"""Class names by label. `fake` is 1, the positive class of every metric, whatever a folder's alphabet says."""
_MOST_TRIED = 1000
"""Paths of a manifest that are looked for, before its own folder is taken for what they start from."""


@dataclass(frozen=True)
class Samples:
    """A table of N images.

    Attributes:
        root: folder that relative paths start from.
        paths: N POSIX paths relative to `root`, or absolute ones.
        labels: (N,) int8, 0 real, 1 fake.
        columns: further columns of N strings each, by name; `group`, `split` and `source` have a meaning here, others
            are kept as they come.
        layout: in words, how the data was laid out.
        ignored: number of files passed over because their ending is no image's.
        unlisted: what could not be listed, where that is no error.
    """

    root: Path
    paths: list[str]
    labels: npt.NDArray[np.int8]
    columns: dict[str, list[str]] = field(default_factory=dict)
    layout: str = "list"
    ignored: int = 0
    unlisted: Unlisted = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.paths)

    def file(self, index: int) -> str:
        """Path of one image that can be opened."""
        return os.path.join(self.root, self.paths[index])

    def folder(self) -> Path:
        """The deepest folder that holds all images, however they are listed; rows are in order of their paths."""
        try:
            return Path(os.path.commonpath([os.path.realpath(self.file(i)) for i in (0, -1)]))
        except ValueError:  # Windows: two drives have none
            return self.root.resolve()

    def column(self, name: str) -> list[str]:
        """A column, or empty strings where the data has none of that name."""
        return self.columns.get(name) or [""] * len(self)

    def groups(self) -> list[str]:
        """Group of each image; an image without one is its own group."""
        return [group or path for group, path in zip(self.column("group"), self.paths, strict=True)]

    def has_groups(self) -> bool:
        """Whether any image is said to share its source photo, person or video with others."""
        return any(self.column("group"))

    def select(self, indices: npt.NDArray[np.intp]) -> "Samples":
        """The rows at `indices`, in that order."""
        rows = indices.tolist()
        columns = {name: [values[i] for i in rows] for name, values in self.columns.items()}
        return Samples(self.root, [self.paths[i] for i in rows], self.labels[indices], columns, self.layout)


def load_samples(
    root: str | Path, manifest: str | Path | None = None, strict: bool = True, fakes_needed: bool = True
) -> Samples:
    """List the labelled images of a folder or a manifest.

    Args:
        root: a folder in one of the layouts of `dfdetect.data.layouts`, or a manifest file, or a folder that holds a
            `manifest.csv`, which then decides.
        manifest: a manifest whose relative paths start from its own folder, or from `root` if they are not found there.
        strict: of a folder, whether it is an error that something in it cannot be listed; else `unlisted` tells it.
        fakes_needed: whether it is an error that all images are real; that all are fake always is.

    Returns:
        The samples in a stable order: sorted by path.

    Raises:
        DataLayoutError: nothing usable was found; the message lists what was found and the accepted layouts.
    """
    root = Path(root)
    if manifest is None and root.suffix.lower() == ".csv":
        root, manifest = root.parent, root
    if manifest is None and os.path.isfile(root / "manifest.csv"):  # False too where the folder may not be read
        manifest = root / "manifest.csv"
    if manifest is not None:
        return _from_manifest(Path(manifest), root, fakes_needed)
    return _from_folders(root, None if strict else [], fakes_needed)


def list_images(root: str | Path) -> Samples:
    """All images below a folder, or the one file: the input of `predict`. The labels are all 0 and mean nothing."""
    root = Path(root)
    if root.is_file():
        return Samples(root.parent, [root.name], np.zeros(1, np.int8), layout="one file")
    if not root.is_dir():
        raise DataLayoutError(f"{root}: no such folder")
    listed = list(walk(root, ""))
    paths = sorted(path for path, is_image in listed if is_image)
    if not paths:
        raise DataLayoutError(f"{root}: no image below this folder (endings: {', '.join(sorted(IMAGE_SUFFIXES))})")
    ignored = len(listed) - len(paths)
    return Samples(root, paths, np.zeros(len(paths), np.int8), layout="unlabelled images", ignored=ignored)


def _from_folders(root: Path, unlisted: Unlisted | None, fakes_needed: bool) -> Samples:
    folders, layout = find_class_folders(root, fakes_needed)
    rows: list[tuple[str, ClassFolder]] = []
    ignored = 0
    for folder in folders:
        before = len(rows)
        for path, is_image in walk(root, folder.path, unlisted):
            if is_image:
                rows.append((path, folder))
            else:
                ignored += 1
        if len(rows) == before:
            raise DataLayoutError(f"{root / folder.path}: the {CLASS_NAMES[folder.label]} folder holds no image")
    rows.sort(key=lambda row: row[0])
    columns: dict[str, list[str]] = {}
    if any(folder.split for folder in folders):
        columns["split"] = [folder.split for _, folder in rows]
    sources = [_source(path, folder) for path, folder in rows]
    if any(sources):
        columns["source"] = sources
    labels = np.fromiter((folder.label for _, folder in rows), np.int8, len(rows))
    return Samples(root, [path for path, _ in rows], labels, columns, layout, ignored, unlisted or [])


def _source(path: str, folder: ClassFolder) -> str:
    """A class folder's first sub-folder names the source: fake/stylegan/a.png comes from `stylegan`."""
    inner = path[len(folder.path) + 1 :]
    return sys.intern(inner.split("/", 1)[0]) if "/" in inner else ""


def _from_manifest(manifest: Path, root: Path, fakes_needed: bool) -> Samples:
    try:
        with open(manifest, newline="", encoding="utf-8-sig") as stream:
            rows = numbered_rows(stream)
            header = [name.strip().lower() for name in next(rows, (1, []))[1]]
            listed = read_rows(str(manifest), "line", header, rows)
    except UnicodeDecodeError as error:
        raise DataLayoutError(f"{manifest}: the manifest is not UTF-8 ({error}); save it as `CSV UTF-8`") from error
    except (OSError, csv.Error) as error:
        raise DataLayoutError(f"{manifest}: the manifest cannot be read ({error})") from error
    base = _base_folder(manifest, root, listed.columns["path"])
    return samples_of(listed, base, f"manifest {manifest.name}", fakes_needed)


def samples_of(listed: Listed, root: Path, layout: str, fakes_needed: bool = True) -> Samples:
    """Rows that were listed, checked and in order; relative paths start from `root`.

    Raises:
        DataLayoutError: what `Listed.labels` and the others raise, or there is no real photo, or no fake where
            those are needed.
    """
    listed.refuse_repeated(root)
    labels = np.fromiter(listed.labels(), np.int8, len(listed.lines))
    order = sorted(range(len(labels)), key=listed.columns["path"].__getitem__)
    samples = Samples(root, listed.columns["path"], labels, listed.known_columns(), layout)
    if not (labels == REAL).any() or (fakes_needed and not (labels == FAKE).any()):
        alone = f". {REALS_ALONE}" if labels[0] == REAL else ""
        raise DataLayoutError(
            f"{listed.origin}: every row is {CLASS_NAMES[int(labels[0])]}; both classes are needed{alone}"
        )
    return samples.select(np.asarray(order, dtype=np.intp))


def _base_folder(manifest: Path, root: Path, paths: Sequence[str]) -> Path:
    """What relative paths start from: decided by the first of them that is found, for single files may be missing."""
    for path in islice((path for path in paths if not os.path.isabs(path)), _MOST_TRIED):
        for folder in (manifest.parent, root):
            if os.path.exists(folder / path):
                return folder
    return manifest.parent
