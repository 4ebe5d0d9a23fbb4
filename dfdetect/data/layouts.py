"""Which folder means which class: the accepted layouts, their aliases, and errors that list what was found."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from dfdetect.data.walk import printable
from dfdetect.errors import DataLayoutError

ACCEPTED = """Accepted layouts:
  ROOT/{real,fake}/...                          any depth; a first sub-folder names the source
  ROOT/{train,val,test}/{real,fake}/...         a given split; also ROOT/{real,fake}/{train,val,test}/...
  ROOT/{training_real,training_fake}/...        CIPLAB's own, also one folder deeper
  ROOT/manifest.csv or --data.manifest FILE     path,label[,group,split,source,...]"""

REALS_ALONE = "Real photos alone are enough for --data.blending, which makes fakes of them (docs/blending.md)"
_REAL = frozenset({"real", "reals", "original", "originals", "authentic", "genuine", "pristine", "natural", "nature"})
_FAKE = frozenset(
    {"fake", "fakes", "ai", "ai_generated", "generated", "synthetic", "deepfake", "deepfakes", "manipulated", "forged"}
)
_DECORATION = re.compile(r"^(\d+_|training_|train_|test_)|(_images?|_faces?|_photos?|_imgs?)$")
_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_SPLITS["testing"] = "test"


@dataclass(frozen=True)
class ClassFolder:
    """A folder of one class.

    Attributes:
        path: POSIX path below the data root.
        label: 0 real, 1 fake.
        split: `train`, `val`, `test`, or empty where the layout gives none.
    """

    path: str
    label: int
    split: str = ""


def label_of(name: str) -> int | None:
    """Label that a folder name or a manifest's text stands for, 0 real, 1 fake; None where it stands for neither."""
    word = re.sub(r"[\s\-.]+", "_", name.strip().lower())
    if word in ("0", "1"):
        return int(word)
    while True:
        if word in _REAL:
            return 0
        if word in _FAKE:
            return 1
        shorter = _DECORATION.sub("", word)
        if shorter == word:
            return None
        word = shorter


def split_of(name: str) -> str | None:
    """`train`, `val` or `test` for a folder name or a manifest's text; None where it is none of them."""
    return _SPLITS.get(name.strip().lower())


def find_class_folders(root: Path, fakes_needed: bool = True) -> tuple[list[ClassFolder], str]:
    """Recognise the layout of a data root.

    Args:
        root: a folder.
        fakes_needed: whether a folder of fakes has to stand beside that of real photos.

    Returns:
        The class folders, and the layout in words.

    Raises:
        DataLayoutError: the root is missing, or nothing or more than one thing in it looks like a class.
    """
    if not root.is_dir():
        raise DataLayoutError(f"{root}: no such folder.\n{ACCEPTED}")
    found = _recognise(root, "", fakes_needed)
    if found is not None:
        return found
    below = ((name, _recognise(root, name, fakes_needed)) for name in _folders(root, ""))
    deeper = {name: layout for name, layout in below if layout is not None}
    if len(deeper) > 1:
        raise DataLayoutError(f"{root}: {' and '.join(sorted(deeper))} each look like a data set; name one of them")
    if deeper:
        return next(iter(deeper.values()))
    raise DataLayoutError(f"{root}: no real and fake folders. {_listing(root, '')}\n{ACCEPTED}")


def _recognise(root: Path, below: str, fakes_needed: bool) -> tuple[list[ClassFolder], str] | None:
    """The layout directly below root/below; None where no class and no split folder is there."""
    names = _folders(root, below)
    splits = [name for name in names if split_of(name) is not None]
    classes = [name for name in names if label_of(name) is not None]
    if classes:
        if len(splits) > 0:
            raise DataLayoutError(
                f"{root / below}: class folders and split folders side by side are ambiguous. {_listing(root, below)}"
            )
        others = [printable(name) for name in names if name not in classes]
        passed_over = f"; passed over: {', '.join(others)}" if others else ""
        pair = _class_pair(root, below, classes, "", fakes_needed)
        both = "{real,fake}" if len(pair) > 1 else "real"
        if inner := _splits_inside(root, pair):
            return inner, _join(below, f"{both}/{{train,val,test}}") + passed_over
        return pair, _join(below, both) + passed_over
    if not any(label_of(child) is not None for name in splits for child in _folders(root, _join(below, name))):
        return None
    folders = _split_folders(root, below, splits, fakes_needed)
    both = "{real,fake}" if any(folder.label for folder in folders) else "real"
    return folders, _join(below, f"{{train,val,test}}/{both}")


def _splits_inside(root: Path, pair: list[ClassFolder]) -> list[ClassFolder]:
    """Split folders inside the class folders; empty where those hold none, as sources do."""
    found: list[ClassFolder] = []
    for folder in pair:
        names = _folders(root, folder.path)
        splits = [name for name in names if split_of(name) is not None]
        if not splits:
            continue
        if splits != names:
            raise DataLayoutError(
                f"{root / folder.path}: split folders beside others are ambiguous. {_listing(root, folder.path)}"
            )
        found += [ClassFolder(_join(folder.path, name), folder.label, split_of(name) or "") for name in splits]
    if found and len({folder.label for folder in found}) < len(pair):
        raise DataLayoutError(f"{root}: one class folder holds split folders and the other does not: ambiguous")
    if len({(folder.label, folder.split) for folder in found}) < len(found):
        raise DataLayoutError(f"{root}: two split folders of one class mean the same; keep one")
    return found


def _split_folders(root: Path, below: str, names: list[str], fakes_needed: bool) -> list[ClassFolder]:
    folders: list[ClassFolder] = []
    taken: dict[str, str] = {}
    for name in names:
        split = split_of(name) or ""
        if split in taken:
            raise DataLayoutError(f"{root / below}: {taken[split]} and {name} both mean {split}; keep one")
        taken[split] = name
        inside = _join(below, name)
        classes = [child for child in _folders(root, inside) if label_of(child) is not None]
        folders += _class_pair(root, inside, classes, split, fakes_needed)
    return folders


def _class_pair(root: Path, below: str, names: list[str], split: str, fakes_needed: bool) -> list[ClassFolder]:
    by_label: dict[int, list[str]] = {0: [], 1: []}
    for name in names:
        by_label[label_of(name) or 0].append(name)
    for label, word in enumerate(("real", "fake")):
        if not by_label[label] and (label == 0 or fakes_needed):
            alone = f" {REALS_ALONE}." if word == "fake" else ""
            raise DataLayoutError(f"{root / below}: no {word} folder.{alone} {_listing(root, below)}\n{ACCEPTED}")
        if len(by_label[label]) > 1:
            several = " and ".join(sorted(by_label[label]))
            raise DataLayoutError(f"{root / below}: {several} all mean {word}: ambiguous. Keep one, or use a manifest")
    return [ClassFolder(_join(below, by_label[label][0]), label, split) for label in (0, 1) if by_label[label]]


def _folders(root: Path, below: str) -> list[str]:
    try:
        with os.scandir(root / below) as entries:
            return sorted(e.name for e in entries if _is_folder(e) and not e.name.startswith((".", "__MACOSX")))
    except OSError as error:
        raise DataLayoutError(f"{root / below}: cannot be listed ({error.strerror})") from error


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link round to itself; whoever walks through the folder names it
        return False


def _join(below: str, name: str) -> str:
    return f"{below}/{name}" if below else name


def _listing(root: Path, below: str) -> str:
    with os.scandir(root / below) as entries:
        names = sorted(printable(entry.name) + ("/" if _is_folder(entry) else "") for entry in entries)
    shown = ", ".join(names[:12]) + (f", ... ({len(names)} entries)" if len(names) > 12 else "")
    return f"Found: {shown or 'an empty folder'}."
