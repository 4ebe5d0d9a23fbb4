"""A second task in training, to tell where a picture was forged; judging a picture costs nothing more for it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dfdetect.errors import UsageError
from dfdetect.explain.grid import grid_of, middles
from dfdetect.models.backbone import Backbone
from dfdetect.models.layers import without_autocast

LOCATOR = "locator."
"""How names of its parameters begin in a detector."""
_ENOUGH = 1 / 3
"""Of a place in the feature map: one that was forged to that share counts as forged whole."""


class Locator(nn.Module):
    """One linear layer over each place of a feature map: was it forged? Trained beside the head, and not used after.

    Source: the idea of Nguyen, Fang, Yamagishi and Echizen, *Multi-task Learning for Detecting and Segmenting
    Manipulated Facial Images and Videos*, BTAS 2019, without a decoder.

    Args:
        spec: of the backbone.
        name: of the backbone.

    Raises:
        UsageError: its features have no places.
    """

    def __init__(self, spec: Backbone, name: str) -> None:
        super().__init__()
        if spec.form != "map":
            raise UsageError(f"model.localisation needs features with places, and those of {name} are one vector")
        self.layer = nn.Conv2d(spec.channels, 1, 1)
        self.centred_on_first = spec.centred_on_first

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, C, h, w) to the logit of each place being forged, (N, 1, h, w); float32 also under autocast."""
        with without_autocast(features):
            logits: Tensor = self.layer(features.to(self.layer.weight.dtype))
        return logits

    def loss(self, features: Tensor, forged: Tensor, located: Tensor) -> Tensor:
        """Cross-entropy over the places, (,); forged places count as much together as all others.

        Args:
            features: (N, C, h, w).
            forged: (N, S, S) uint8, 255 where a picture was forged, 0 where it was not.
            located: (N,) bool, whether that is known; of other pictures nothing is learned.
        """
        logits = self(features)
        wanted = (self.share_of_places(forged, logits.shape[-1]) / _ENOUGH).clamp(max=1)
        counts = located.view(-1, 1, 1, 1).float()
        each = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        weights = counts * wanted, counts * (1 - wanted)
        return torch.stack([(each * weight).sum() / weight.sum().clamp(min=1) for weight in weights]).mean()

    def share_of_places(self, forged: Tensor, cells: int) -> Tensor:
        """How much of what each place looks at was forged: (N, S, S) uint8 to (N, 1, cells, cells) in [0, 1]."""
        size, shares = forged.shape[-1], forged[:, None].float() / 255
        grid = grid_of(self.centred_on_first, size, cells)
        if grid == middles(cells):
            return F.interpolate(shares, size=(cells, cells), mode="area")
        step = round(grid.step * size)  # place i looks at what lies about pixel i * step
        around = F.avg_pool2d(shares, step, padding=step // 2, count_include_pad=False)
        return around[..., :cells, :cells]
