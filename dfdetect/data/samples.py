"""Which images there are: a table of paths, labels and optional columns, from a folder or a manifest.

Columns, not objects: a million rows stay below 500 MB. Nothing is decoded here.
"""

import csv
import os
import posixpath
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dfdetect.data.decode import IMAGE_SUFFIXES
from dfdetect.data.layouts import ClassFolder, find_class_folders, label_of, split_of
from dfdetect.data.walk import Unlisted, walk
from dfdetect.errors import DataLayoutError
from dfdetect.rows import first_repeated, numbered_rows

REAL, FAKE = 0, 1
CLASS_NAMES = ("real", "fake")
"""Class names by label. `fake` is 1, the positive class of every metric, whatever a folder's alphabet says."""

KNOWN_COLUMNS = ("group", "split", "source")


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


def load_samples(root: str | Path, manifest: str | Path | None = None, strict: bool = True) -> Samples:
    """List the labelled images of a folder or a manifest.

    Args:
        root: a folder in one of the layouts of `dfdetect.data.layouts`, or a manifest file, or a folder that holds a
            `manifest.csv`, which then decides.
        manifest: a manifest whose relative paths start from its own folder, or from `root` if they are not found there.
        strict: of a folder, whether it is an error that something in it cannot be listed; else `unlisted` tells it.

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
        return _from_manifest(Path(manifest), root)
    return _from_folders(root, None if strict else [])


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


def _from_folders(root: Path, unlisted: Unlisted | None) -> Samples:
    folders, layout = find_class_folders(root)
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


def _from_manifest(manifest: Path, root: Path) -> Samples:
    try:
        with open(manifest, newline="", encoding="utf-8-sig") as stream:
            rows = numbered_rows(stream)
            header = [name.strip().lower() for name in next(rows, (1, []))[1]]
            columns, lines = _read_columns(manifest, header, rows)
    except UnicodeDecodeError as error:
        raise DataLayoutError(f"{manifest}: the manifest is not UTF-8 ({error}); save it as `CSV UTF-8`") from error
    except (OSError, csv.Error) as error:
        raise DataLayoutError(f"{manifest}: the manifest cannot be read ({error})") from error
    paths = columns.pop("path")
    _refuse_repeated(manifest, lines, paths)
    named = zip(lines, columns.pop("label"), strict=True)
    labels = np.fromiter((_label(manifest, *pair) for pair in named), np.int8, len(paths))
    for name in KNOWN_COLUMNS:
        if name in columns and not any(columns[name]):  # as `dfdetect audit` writes it where nothing is known
            del columns[name]
    if "split" in columns:
        columns["split"] = [_split(manifest, *pair) for pair in zip(lines, columns["split"], strict=True)]
    order = sorted(range(len(paths)), key=paths.__getitem__)
    samples = Samples(_base_folder(manifest, root, paths[0]), paths, labels, columns, f"manifest {manifest.name}")
    ordered = samples.select(np.asarray(order, dtype=np.intp))
    if len(set(ordered.labels.tolist())) < 2:
        raise DataLayoutError(f"{manifest}: every row is {CLASS_NAMES[int(labels[0])]}; both classes are needed")
    return ordered


def _read_columns(
    manifest: Path, header: list[str], rows: Iterator[tuple[int, list[str]]]
) -> tuple[dict[str, list[str]], "array[int]"]:
    """The columns by name, and the line of the file that each row begins on."""
    missing = {"path", "label"} - set(header)
    if missing:
        raise DataLayoutError(
            f"{manifest}: no column {' or '.join(sorted(missing))}; found {', '.join(header) or 'nothing'}. "
            "A manifest has path,label and optionally group,split,source and columns of your own"
        )
    columns: dict[str, list[str]] = {name: [] for name in header}
    if len(columns) != len(header):
        raise DataLayoutError(f"{manifest}: a column name stands twice in {', '.join(header)}")
    lists = [columns[name] for name in header]
    lines, path_at = array("L"), header.index("path")
    for line, row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise DataLayoutError(f"{manifest}, line {line}: {len(row)} fields, {len(header)} expected")
        lines.append(line)
        for position, (values, text) in enumerate(zip(lists, row, strict=True)):
            values.append(plain_path(text.strip()) if position == path_at else sys.intern(text.strip()))
        if not lists[path_at][-1]:
            raise DataLayoutError(f"{manifest}, line {line}: no path")
    if not lists[0]:
        raise DataLayoutError(f"{manifest}: no row below the header")
    return columns, lines


def plain_path(text: str) -> str:
    """A path as it is compared: with slashes, without detours, so that one file has one name."""
    path = text.replace("\\", "/")
    return posixpath.normpath(path) if "./" in path or "//" in path else path


def _refuse_repeated(manifest: Path, lines: "array[int]", paths: list[str]) -> None:
    if repeated := first_repeated(paths):
        before, again = repeated
        where = f"{manifest}, line {lines[again]}: {paths[again]} stands twice, first in line {lines[before]}"
        raise DataLayoutError(f"{where}; one image is one row")


def _label(manifest: Path, line: int, text: str) -> int:
    label = label_of(text)
    if label is None:
        raise DataLayoutError(f"{manifest}, line {line}: label {text!r} is neither real (0) nor fake (1)")
    return label


def _split(manifest: Path, line: int, text: str) -> str:
    split = split_of(text)
    if split is None:
        raise DataLayoutError(f"{manifest}, line {line}: split {text!r} is none of train, val, test")
    return split


def _base_folder(manifest: Path, root: Path, first: str) -> Path:
    return root if not (manifest.parent / first).exists() and (root / first).exists() else manifest.parent
