"""Learning from a trained detector, an ensemble for one, what it says of each training picture."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.errors import CheckpointError
from dfdetect.models import layers
from dfdetect.models.split_guard import changed_preprocessing, is_another_part, is_cross_dataset

if TYPE_CHECKING:
    from dfdetect.models.detector import DeepfakeDetector


class Teacher:
    """A trained detector that answers and never learns; no module, so that no student's checkpoint holds its weights.

    Args:
        detector: where its student's pictures lie.
        name: of its checkpoint.
        data: what the student trains on; None where that is not known.

    Raises:
        CheckpointError: it was trained on another split of these images, so that it may know some of those that the
            student is to be judged by, or with pictures that were prepared in another way.
    """

    def __init__(self, detector: "DeepfakeDetector", name: str, data: DeepfakeDataModule | None) -> None:
        if data is not None:
            _refuse_another_training(detector, name, data)
        self.detector = detector.eval().requires_grad_(False)

    def margin(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to the margin that its p_fake is made of, (N,), without gradient."""
        with torch.no_grad():
            return layers.margin_of(self.detector(pixels)) / float(self.detector.facts["temperature"])


def _refuse_another_training(detector: "DeepfakeDetector", name: str, data: DeepfakeDataModule) -> None:
    facts = detector.facts
    if changed := changed_preprocessing(facts, data):
        raise CheckpointError(f"model.teacher {name} knows pictures prepared in another way: {'; '.join(changed)}")
    if is_cross_dataset(facts, data) or data.allow_new_split:
        return
    if is_another_part(facts, data, "val") or is_another_part(facts, data, "test"):
        raise CheckpointError(
            f"model.teacher {name} was trained on another split of {data.origin}, so it may have seen what its student "
            "is to be judged by. Use the teacher's data.split, data.split_seed, manifest and files, or say "
            "--allow-new-split"
        )


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
