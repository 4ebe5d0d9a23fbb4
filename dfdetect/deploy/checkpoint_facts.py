"""From what a checkpoint remembers to the facts of a model file. No torch here: the checkpoint is read already."""

import contextlib
from pathlib import Path
from typing import Any

from dfdetect import __version__
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.errors import CheckpointError, ResultsError
from dfdetect.evaluation.stored import checked_metrics
from dfdetect.evaluation.tables import METRICS
from dfdetect.files import sha256_of
from dfdetect.runs import run_of

LICENCE = (
    "dfdetect is Apache-2.0. These weights were trained on data, and may have started from weights, with licences of "
    "their own: read those before passing this file on."
)


def facts_of_checkpoint(checkpoint: dict[str, Any], file: Path) -> ModelFacts:
    """Facts of a checkpoint as `read_detector_checkpoint` gave it; `file` names it, and leads to its run's results.

    Raises:
        CheckpointError: it does not say how a picture becomes the network's input.
    """
    facts = checkpoint["dfdetect"]
    preparation = facts["preprocessing"]
    if not preparation:
        raise CheckpointError(
            f"{file}: does not say its input size and crop: it was trained without a DeepfakeDataModule, so nobody "
            "could prepare a picture as its training did. Train it again: dfdetect fit --help"
        )
    split = facts["split"] or {}
    return ModelFacts(
        backbone=str(checkpoint["hyper_parameters"].get("backbone", "mobilenet_v2")),
        frontend=str(checkpoint["hyper_parameters"].get("frontend", "rgb")),
        test_time_flip=bool(checkpoint["hyper_parameters"].get("test_time_flip", False)),
        threshold=float(facts["threshold"]),
        temperature=float(facts["temperature"]),
        calibrated=bool(facts["calibrated"]),
        input_size=int(preparation["image_size"]),
        format="checkpoint",
        precision="fp32",
        layout="NCHW",
        crop=preparation["crop"],
        interpolation=preparation["interpolation"],
        dfdetect_version=__version__,
        normalise_encoding=preparation.get("normalise_encoding"),
        face_margin=preparation.get("face_margin"),
        centred_on_first=facts.get("centred_on_first"),
        data_fingerprint=split.get("data_fingerprint"),
        data_title=Path(split["root"]).name if split else None,
        images_seen=facts.get("images_seen"),
        checkpoint_sha256=sha256_of(file),
        test_summary=test_summary(file),
        licence=LICENCE,
    )


def test_summary(file: Path) -> str | None:
    """Results of this very checkpoint's test in its own run, in a line; None where there are none."""
    run = run_of(file)
    if run is None or not (run / METRICS).is_file():
        return None
    with contextlib.suppress(ResultsError):
        result = checked_metrics(run / METRICS)
        tested = result.get("tested") or {}
        if tested.get("checkpoint_sha256") != sha256_of(file) or result.get("auroc") is None:
            return None
        interval = result["intervals"].get("auroc")
        between = f" (95% {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        return f"test part, n {result['n']}: AUROC {result['auroc']:.3f}{between}, accuracy {result['accuracy']:.3f}"
    return None
