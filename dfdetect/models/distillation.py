"""Learning from a trained detector, an ensemble for one, what it says of each training picture."""

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.errors import CheckpointError
from dfdetect.files import sha256_of
from dfdetect.models import layers
from dfdetect.models.split_guard import changed_preprocessing

if TYPE_CHECKING:
    from dfdetect.models.detector import DeepfakeDetector


class Teacher:
    """A trained detector that answers and never learns; no module, so that no student's checkpoint holds its weights.

    Args:
        detector: where its student's pictures lie.
        name: of its checkpoint.
        data: what the student trains on; None where that is not known.

    Raises:
        CheckpointError: it was trained with pictures that were prepared in another way, or on another split or other
            images, so that it may know some of those that the student is to be judged by, and `data` does not allow it.
    """

    def __init__(self, detector: "DeepfakeDetector", name: str, data: DeepfakeDataModule | None) -> None:
        if data is not None:
            _refuse_another_training(detector.facts, name, data)
        self.detector = detector.eval().requires_grad_(False)

    def margin(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to the margin that its p_fake is made of, (N,), without gradient."""
        with torch.no_grad():
            return layers.margin_of(self.detector(pixels)) / float(self.detector.facts["temperature"])


def _refuse_another_training(facts: dict[str, Any], name: str, data: DeepfakeDataModule) -> None:
    if changed := changed_preprocessing(facts, data):
        raise CheckpointError(f"model.teacher {name} knows pictures prepared in another way: {'; '.join(changed)}")
    trained = (facts.get("split") or {}).get("fingerprint")
    if trained == data.split_facts()["fingerprint"] or data.allow_new_split:
        return
    on = f"on another split than that of {data.origin}" if trained else "on nobody knows what"
    raise CheckpointError(
        f"model.teacher {name} was trained {on}, so it may have seen what its student is to be judged by. Train it "
        "with the student's data.split, data.split_seed, manifest and files; or where it cannot have seen them, say "
        "--allow-new-split"
    )


def same_teacher(file: str, before: str | None) -> str:
    """The file's SHA-256, for the student's checkpoint; raises `CheckpointError` where a fit began with another one."""
    found = sha256_of(file)
    if before not in (None, found):
        raise CheckpointError(
            f"model.teacher {file}: is not the file that this fit began with ({str(before)[:12]}, now {found[:12]}). "
            "Put that one back, or start afresh"
        )
    return found


def distillation_loss(margin: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """How far a student's answers are from its teacher's, (,), in units of a cross-entropy.

    The Kullback-Leibler divergence of both p_fake, softened: margins are divided by the temperature, and the loss is
    multiplied by its square, so that its gradient keeps its size.

    Args:
        margin: (N,) of the student.
        taught: (N,) of the teacher.
        temperature: above 0.

    Source: Hinton, Vinyals and Dean, *Distilling the Knowledge in a Neural Network*, 2015.
    """
    said, wanted = margin / temperature, taught / temperature
    p_fake = torch.sigmoid(wanted)
    cross = F.binary_cross_entropy_with_logits(said, p_fake)
    entropy = F.binary_cross_entropy_with_logits(wanted, p_fake)
    return temperature**2 * (cross - entropy)
