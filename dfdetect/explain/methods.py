"""The methods of explaining by name."""

from pathlib import Path
from typing import TYPE_CHECKING

from dfdetect.errors import UsageError

if TYPE_CHECKING:
    from dfdetect.deploy.verdicts import Judge
    from dfdetect.explain.maps import Explainer

BY_GRADIENTS = ("gradcam", "gradcam++", "hirescam", "xgradcam")
METHODS = ("cam", "occlusion", *BY_GRADIENTS)


def explainer_of(method: str, detector: "Judge", checkpoint: Path | None = None) -> "Explainer":
    """What makes a detector's maps.

    Args:
        method: one of METHODS.
        detector: the model.
        checkpoint: that it is or was exported from, for methods by gradients.

    Raises:
        UsageError: a method by gradients without a checkpoint.
        MissingExtraError: its library is not installed.
        CheckpointError: the checkpoint is none.
    """
    if method in BY_GRADIENTS:
        if checkpoint is None:
            raise UsageError(f"--method {method} needs gradients, which a model file has not: --ckpt_path FILE")
        from dfdetect.explain.gradients import GradientExplainer

        return GradientExplainer.load(checkpoint, method)
    if method == "occlusion":
        from dfdetect.explain.occlusion import occlusion

        return occlusion(detector)
    from dfdetect.explain.maps import cam

    return cam(detector)
