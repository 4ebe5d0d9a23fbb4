"""Maps of evidence: what each place of a picture says, in logits, by whichever method; none of them is torch's here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dfdetect.deploy.verdicts import Judge
from dfdetect.errors import ExplainError
from dfdetect.explain.colours import EVIDENCE, Scale
from dfdetect.explain.grid import Grid

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Maps:
    """What a method finds in N prepared pictures.

    Attributes:
        p_fake: (N,) in [0, 1], of the whole pictures.
        values: (N, h, w), signed: positive where a place speaks for fake.
        scale: what the values mean.
        method: its name, as `--method` takes it.
        grid: where the cells lie in the picture: for `enlarged`, `overlay` and `shares`.
    """

    p_fake: Floats
    values: Floats
    scale: Scale
    method: str
    grid: Grid

    def __len__(self) -> int:
        return len(self.p_fake)


Explainer = Callable[[Pixels], Maps]
"""(N, S, S, 3) RGB uint8 as the detector's `prepare` makes them, N >= 1, to their maps."""


def cam(detector: Judge) -> Explainer:
    """Class activation maps, straight from the detector's second output: no gradients, one run of the network.

    The map is `(w_fake - w_real) . A / temperature`: its mean plus a constant is the logit of p_fake.

    Source: Zhou, Khosla, Lapedriza, Oliva and Torralba, *Learning Deep Features for Discriminative Localization*,
    CVPR 2016.

    Raises:
        ExplainError: when it is called, if the file has no heatmap.
    """

    def explain(batch: Pixels) -> Maps:
        p_fake, heatmaps = detector.judge(batch)
        if heatmaps is None:
            raise ExplainError(
                "This model gives no heatmap. Cover it place by place: --method occlusion; or, but of an ensemble, "
                "take gradients of its checkpoint: --method gradcam --ckpt_path FILE"
            )
        facts = detector.facts
        return Maps(p_fake, evidence(heatmaps, facts.temperature), EVIDENCE, "cam", facts.grid(heatmaps.shape[-1]))

    return explain


def evidence(heatmaps: Floats, temperature: float) -> Floats:
    """Heatmaps as a model file gives them, of any shape, in the unit of `EVIDENCE`."""
    return np.asarray(heatmaps, np.float32) / np.float32(temperature)
