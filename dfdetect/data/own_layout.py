"""Data that lies in a way of its own: a function outside of this package lists it, row by row."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dfdetect.data.listed import Listed, read_rows
from dfdetect.data.samples import Samples, load_samples, samples_of
from dfdetect.errors import DataLayoutError, DFDetectError, UsageError
from dfdetect.extensions import is_import_path, load_extension

Row = Mapping[str, str | int | Path | None]
"""`path` and `label` of an image, and what a manifest may have besides: `group`, `split`, `source`, further columns."""


@dataclass(frozen=True)
class Layout:
    """How images are listed that lie in a way of their own; also a decorator of the function that does it.

    Attributes:
        rows: gives one row an image, all with the same keys, of a data root, which is a folder or a file. Paths are
            absolute or start from the root, or from the folder of a root that is a file; labels are 0 or real, 1 or
            fake; splits train, val or test.
    """

    rows: Callable[[Path], Iterable[Row]]


def list_samples(
    root: str | Path,
    manifest: str | Path | None,
    layout: str | None,
    strict: bool = True,
    fakes_needed: bool = True,
) -> Samples:
    """As `load_samples`, unless an own layout is named, by its import path.

    Raises:
        UsageError: it cannot be imported, or a manifest is named too.
        DataLayoutError: it fails, or lists what a manifest could not either.
    """
    if layout is None:
        return load_samples(root, manifest, strict, fakes_needed)
    check_layout(layout, manifest)
    return _own_samples(load_extension(layout, Layout, "data.layout"), Path(root), layout, fakes_needed)


def check_layout(layout: str | None, manifest: str | Path | None) -> None:
    """Raises `UsageError` for what is no import path, or names the data twice."""
    if layout is not None and not is_import_path(layout):
        raise UsageError(
            f"data.layout {layout!r} is not MODULE.NAME of a layout of your own (docs/extend.md); the known ones are "
            "found without being named (docs/data.md)"
        )
    if layout is not None and manifest is not None:
        raise UsageError(f"data.manifest {manifest} and data.layout {layout} both list the images: name one of them")


def _own_samples(layout: Layout, root: Path, name: str, fakes_needed: bool) -> Samples:
    if not root.exists():
        raise DataLayoutError(f"{root}: no such folder or file, which data.layout {name} is to list")
    try:
        listed = _listed(layout.rows(root), f"{root}, as {name} lists it")
    except DFDetectError:
        raise
    except Exception as error:  # whatever a function of somebody's own may raise
        said = " ".join(str(error).split())
        raise DataLayoutError(f"{root}: data.layout {name} fails: {type(error).__name__}: {said}") from error
    return samples_of(listed, root if root.is_dir() else root.parent, f"layout {name}", fakes_needed)


def _listed(rows: Iterable[Row], origin: str) -> Listed:
    all_rows = iter(rows)
    first = next(all_rows, None)
    if first is None:
        raise DataLayoutError(f"{origin}: no image")
    header = list(first) if isinstance(first, Mapping) else ["path", "label"]
    numbered = enumerate(chain([first], all_rows), 1)
    return read_rows(origin, "row", header, ((n, _fields(row, header, f"{origin}, row {n}")) for n, row in numbered))


def _fields(row: Row, header: list[str], place: str) -> list[str]:
    if not isinstance(row, Mapping):
        raise DataLayoutError(f"{place}: a {type(row).__name__}, not a dict with path and label")
    if row.keys() != set(header):
        raise DataLayoutError(f"{place}: {', '.join(row) or 'nothing'}; {', '.join(header)} expected")
    return ["" if row[key] is None else str(row[key]) for key in header]
