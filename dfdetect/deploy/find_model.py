"""Which model a scan takes when none is named: the newest run's exported one, else its best checkpoint."""

import sys
from pathlib import Path

from dfdetect.deploy.engines.facts import EXPORTED_SUFFIXES, read_facts
from dfdetect.errors import ModelFileError
from dfdetect.files import sha256_of
from dfdetect.runs import LOG_FOLDER, newest_checkpoint

FAILED, EARLIER = ".failed", ".earlier"
"""In the name of an exported file that does not decide as its checkpoint does, and of what it would have replaced."""


def find_model(named: Path | None, logs: str = LOG_FOLDER) -> Path:
    """The file to load: the newest one that was exported from the best checkpoint of the newest run, else that.

    A file in the run that was exported from another checkpoint is passed over, which is said on standard error.

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
    digest = sha256_of(best) if exported else ""
    for file in sorted(exported, key=lambda one: one.stat().st_mtime_ns, reverse=True):
        if (fault := _fault(file, digest, best)) is None:
            return file
        sys.stderr.write(f"Passed over {file}, which {fault}. Make it anew: dfdetect export\n")
    return best


def _fault(file: Path, digest: str, best: Path) -> str | None:
    """Why an exported file is not the best checkpoint in another form; None where it is."""
    try:
        recorded = read_facts(file).checkpoint_sha256
    except ModelFileError as error:
        return f"is no whole model ({error})"
    if recorded is None:
        return "does not say which checkpoint it was exported from"
    return None if recorded == digest else f"was exported from another checkpoint than {best}"


def _is_exported(file: Path) -> bool:
    """Whether a file is an exported model that decides as its checkpoint does."""
    apart = {FAILED, EARLIER} & set(file.suffixes)
    return file.suffix.lower() in EXPORTED_SUFFIXES and not apart and file.is_file()
