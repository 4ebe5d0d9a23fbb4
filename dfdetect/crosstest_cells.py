"""One cell of `dfdetect crosstest`: a detector tested on a data set by an ordinary test, or found to have been so."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfdetect.callbacks.access import find_callback
from dfdetect.callbacks.results import EvaluationResults
from dfdetect.cli import execute
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.errors import CheckpointError, DFDetectError, ResultsError
from dfdetect.evaluation.stored import read_metrics
from dfdetect.evaluation.tables import METRICS
from dfdetect.files import sha256_of
from dfdetect.models.checkpoint import FACTS_KEY, read_detector_checkpoint
from dfdetect.models.split_guard import is_another_set
from dfdetect.models.stored_notes import with_current_notes
from dfdetect.runs import run_of, training_manifest

_FOR_ALL = (
    *("--data.allow_new_split=false", "--robustness.enabled=false"),
    *("--trainer.devices=1", "--trainer.num_nodes=1", "--trainer.strategy=auto"),
    *("--trainer.limit_test_batches=null", "--trainer.fast_dev_run=false"),
)
"""Against settings of a run that would make its tests partial, or start processes that type this command again."""
_KEPT = ("n", "n_real", "n_fake", "n_groups", "auroc", "accuracy", "threshold", "notes", "tested")
_BEST_HERE = ("best_threshold", "accuracy_at_best_threshold")

Cell = dict[str, Any]
"""own, error (None where all went well), results (a folder), and of metrics.json what the matrix shows."""


@dataclass(frozen=True)
class TrainedDetector:
    """A row.

    Attributes:
        file: a checkpoint.
        sha256: of its content.
        facts: what it remembers.
        manifest: by which it was trained, wherever that is by now; None where it was trained by a folder.
    """

    file: Path
    sha256: str
    facts: dict[str, Any]
    manifest: Path | None


@dataclass(frozen=True)
class DataRoot:
    """A column.

    Attributes:
        root: folder or manifest, as it was named.
        split: `split_facts` of its data; empty where it cannot be read.
        has_test_part: whether the data itself says which images are for testing.
        error: why it cannot be read, or empty.
    """

    root: str
    split: dict[str, Any]
    has_test_part: bool
    error: str

    @property
    def location(self) -> Path:
        """Where it lies."""
        return Path(self.root).resolve()


def read_detectors(files: Sequence[Path]) -> list[TrainedDetector]:
    """Read all checkpoints before the first hour of work.

    Raises:
        CheckpointError: one is none, or does not say on what it was trained.
    """
    detectors = [_read_detector(file) for file in files]
    for detector in detectors:
        if not detector.facts["split"]:
            raise CheckpointError(
                f"{detector.file}: does not say on what it was trained, so which images it has seen is not known. "
                f"Test it by itself: dfdetect test --ckpt_path {detector.file}"
            )
    return detectors


def _read_detector(file: Path) -> TrainedDetector:
    checkpoint = read_detector_checkpoint(file)
    manifest = training_manifest(checkpoint.get("datamodule_hyper_parameters", {}), run_of(file))
    return TrainedDetector(file, sha256_of(file), checkpoint[FACTS_KEY], manifest)


def read_root(root: str) -> DataRoot:
    """List a data set's images once; what is wrong with it becomes its `error`."""
    data = DeepfakeDataModule(root=root)
    try:
        return DataRoot(root, data.split_facts(), data.has_given_test_part(), "")
    except DFDetectError as error:
        return DataRoot(root, {}, False, str(error))


def find_cell(detector: TrainedDetector, root: DataRoot, known: Sequence[Cell]) -> Cell | None:
    """Results of this very file on these very images, from an earlier matrix or in the checkpoint's run."""
    if root.error:
        return None
    wanted = _wanted(detector, root)
    for cell in known:
        if cell.get("error") is None and cell.get("tested") == wanted:
            kept = {name: value for name, value in cell.items() if name not in ("row", "column")}
            return with_current_notes(kept, detector.facts)
    if (run := run_of(detector.file)) is None:
        return None
    for folder in (run, *sorted(run.glob("cross-dataset/*"))):
        with contextlib.suppress(ResultsError):
            result = read_metrics(folder / METRICS)
            if result.get("tested") == wanted:
                return _cell(detector, root, result, folder)
    return None


def run_cell(detector: TrainedDetector, root: DataRoot, command: str) -> Cell:
    """Run an ordinary `dfdetect test`; what it prints goes to standard error.

    `command` is what was typed, which the run's record notes; empty where it has done so.
    """
    own, by = _is_own(detector, root), _own_manifest(detector, root)
    if root.error:
        return {"own": own, "error": root.error}
    if by is not None and not by.is_file():
        return {"own": own, "error": _gone(by, root)}
    data = [f"--data.root={root.root}", "--data.manifest=null"] if by is None else [f"--data.manifest={by}"]
    try:
        with contextlib.redirect_stdout(sys.stderr):
            trainer = execute("test", ["--ckpt_path", str(detector.file), *data, *_FOR_ALL], command).trainer
        results = find_callback(trainer, EvaluationResults)
        if results is None or results.folder is None:
            raise ResultsError("the test has written no results")
        return _cell(detector, root, read_metrics(results.folder / METRICS), results.folder)
    except DFDetectError as error:
        return {"own": own, "error": str(error) + _named(detector, root, error)}
    except SystemExit as stop:
        if stop.code != 2:  # 2 is the parser's, which has said why
            raise
        return {"own": own, "error": f"the settings that {detector.file} was trained with are not understood"}


def known_cells(file: Path) -> list[Cell]:
    """Cells of an earlier crosstest.json; none where it is missing or damaged."""
    with contextlib.suppress(ResultsError):
        return [cell for cell in read_metrics(file).get("cells", []) if isinstance(cell, dict)]
    return []


def _is_own(detector: TrainedDetector, root: DataRoot) -> bool:
    return bool(root.split) and not is_another_set(detector.facts["split"], root.split)


def _own_manifest(detector: TrainedDetector, root: DataRoot) -> Path | None:
    """The manifest to judge the folder by, where the detector learnt from just this folder, but as a manifest lists it.

    The folder alone says nothing of the manifest's groups and parts, so it would show images of the training.
    """
    by, place = detector.manifest, root.location
    if by is None or place.suffix.lower() == ".csv" or root.split.get("root") != detector.facts["split"]["root"]:
        return None
    return None if by.resolve() == place / "manifest.csv" else by  # that one is read with the folder


def _gone(manifest: Path, root: DataRoot) -> str:
    return (
        f"The training saw {root.root} as {manifest} lists it, which is no longer there, so which of its images are "
        "for testing is not known. Name that manifest where it lies now: --roots MANIFEST"
    )


def _named(detector: TrainedDetector, root: DataRoot, error: DFDetectError) -> str:
    """Which manifest to name, where other images than the training's test part were refused."""
    if detector.manifest is None or not isinstance(error, CheckpointError) or not _is_own(detector, root):
        return ""
    return f". It was trained by {detector.manifest}: name it in --roots"


def _wanted(detector: TrainedDetector, root: DataRoot) -> dict[str, Any]:
    """What `metrics.json` says was tested, if it is what this cell needs."""
    trained, tested = detector.facts["split"], root.split
    by = _own_manifest(detector, root)
    if _is_own(detector, root):
        part = trained["test_fingerprint"]
    else:
        part = tested["test_fingerprint" if root.has_test_part else "data_fingerprint"]
    return {
        "checkpoint_sha256": detector.sha256,
        "location": str(root.location if by is None else by.resolve()),
        "data_fingerprint": (tested if by is None else trained)["data_fingerprint"],
        "part_fingerprint": part,
        "preprocessing": detector.facts["preprocessing"],
        "limited": False,
    }


def _cell(detector: TrainedDetector, root: DataRoot, result: dict[str, Any], folder: Path) -> Cell:
    """What the matrix keeps of a test's metrics.json."""
    result = with_current_notes(result, detector.facts)
    error = None
    if result["auroc"] is None:
        error = f"AUROC is undefined: {result['n_real']} real and {result['n_fake']} fake images could be scored"
    moved = {name: result[name] for name in _BEST_HERE if name in result}
    if moved:
        moved["threshold_moved"] = moved["best_threshold"] - result["threshold"]
    intervals = {name: result["intervals"].get(name) for name in ("auroc", "accuracy")}
    kept = {name: result[name] for name in _KEPT} | moved
    if by := _own_manifest(detector, root):
        kept["notes"] = [*result["notes"], f"{root.root} is judged by the test part of the training's manifest, {by}."]
    own = _is_own(detector, root)
    return {"own": own, "error": error, "results": str(folder), **kept, "intervals": intervals}
