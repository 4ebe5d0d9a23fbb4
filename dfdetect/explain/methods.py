"""Methods by name, and the file that each needs."""

from pathlib import Path

from dfdetect.deploy.verdicts import Judge
from dfdetect.errors import CheckpointError, UsageError
from dfdetect.explain.maps import Explainer, cam
from dfdetect.explain.occlusion import occlusion

GRADIENTS = ("gradcam", "gradcam++", "hirescam", "xgradcam")
METHODS = ("cam", *GRADIENTS, "occlusion")
"""The first needs a model with a heatmap, gradients a checkpoint, occlusion any model."""
_CHECKPOINT = ".ckpt"


def model_for(method: str, model: Path | None, checkpoint: Path | None) -> Path:
    """The file to explain.

    Args:
        method: one of `METHODS`.
        model: named by `--model`.
        checkpoint: named by `--ckpt_path`.

    Raises:
        UsageError: both are named, or gradients are asked of an exported file.
        ModelFileError: none is named, and there is no run.
        CheckpointError: gradients are asked for, and there is no run.
    """
    from dfdetect.deploy.find_model import find_model
    from dfdetect.runs import LOG_FOLDER, local_checkpoint, newest_checkpoint

    if model is not None and checkpoint is not None:
        raise UsageError("--model and --ckpt_path both name what to explain; leave one out")
    if checkpoint is not None:
        return local_checkpoint(str(checkpoint))
    if method not in GRADIENTS:
        return find_model(model)
    if model is not None:
        if model.suffix.lower() != _CHECKPOINT:
            raise UsageError(
                f"--method {method} needs gradients, which {model.name} does not give. Name the checkpoint it was "
                "exported from: --ckpt_path FILE; or take --method cam or occlusion"
            )
        return model
    newest = newest_checkpoint("best", root=LOG_FOLDER)
    if newest is None:
        raise CheckpointError(f"No run in {LOG_FOLDER}. Name a checkpoint: --ckpt_path FILE")
    return newest


def explainer(method: str, detector: Judge, file: Path, layer: str = "") -> Explainer:
    """What makes the maps.

    Args:
        method: one of `METHODS`.
        detector: of `file`.
        file: as `model_for` gave it.
        layer: for gradients; empty for the last with places.

    Raises:
        MissingExtraError: grad-cam is not installed.
        CheckpointError: gradients of what is no checkpoint.
    """
    if method == "cam":
        return cam(detector)
    if method == "occlusion":
        return occlusion(detector)
    from dfdetect.explain.gradients import GradientExplainer  # torch

    return GradientExplainer.load(file, method, layer)
