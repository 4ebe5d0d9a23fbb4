"""Which model a scan takes when none is named: the newest run's exported one, else its best checkpoint."""

from pathlib import Path

from dfdetect.deploy.engines.engine import MODEL_SUFFIXES
from dfdetect.errors import ModelFileError
from dfdetect.runs import LOG_FOLDER, newest_checkpoint

_CHECKPOINT = ".ckpt"


def find_model(named: Path | None, logs: str = LOG_FOLDER) -> Path:
    """The file to load.

    Args:
        named: on the command line; taken as it is.
        logs: where runs lie.

    Raises:
        ModelFileError: none was named and there is no run.
    """
    if named is not None:
        return named
    best = newest_checkpoint("best", root=logs)
    if best is None:
        raise ModelFileError(
            f"No run in {logs}. Name a model: --model FILE, or make one: dfdetect fit --config demo && dfdetect export"
        )
    exported = [file for file in best.parent.parent.rglob("*") if _is_exported(file)]
    return max(exported, key=lambda file: file.stat().st_mtime_ns, default=best)


def _is_exported(file: Path) -> bool:
    """Whether a file is an exported model that decides as its checkpoint does; others have `.failed` in their name."""
    kind = file.suffix.lower()
    return kind in MODEL_SUFFIXES and kind != _CHECKPOINT and ".failed" not in file.suffixes and file.is_file()
