"""The metrics of the training loop: torchmetrics, with fake as the positive class, on p_fake in [0, 1]."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryAveragePrecision,
    BinaryEER,
    BinaryF1Score,
    BinaryPrecision,
    BinaryRecall,
)
from torchmetrics.utilities.data import dim_zero_cat

from dfdetect.evaluation.metrics import equal_error_rate

_JUST_BELOW_HALF = 0.5 - 2**-25
"""The float32 before 0.5: fake is p_fake >= 0.5 everywhere, but torchmetrics asks for more than the threshold."""


class _NanOnOneClass(Metric):
    """Ranking metrics mean nothing where only one class was seen: NaN then, not 0 and a warning."""

    def compute(self) -> Any:
        """(,) the metric, or NaN."""
        target: Tensor = dim_zero_cat(self.target)  # type: ignore[arg-type]
        if len(target) == 0 or bool((target == target[0]).all()):
            return torch.tensor(float("nan"), device=self.device)
        return super().compute()  # type: ignore[safe-super]


class AUROC(_NanOnOneClass, BinaryAUROC):
    """Area under the ROC curve; higher is better, 0.5 is chance."""


class AveragePrecision(_NanOnOneClass, BinaryAveragePrecision):
    """Area under the precision-recall curve; higher is better, the share of fakes is chance."""


class EqualErrorRate(BinaryEER):
    """Error rate at the threshold where as many reals are called fake as fakes real; lower is better, 0.5 is chance."""

    def compute(self) -> Any:
        """(,) as the one evaluation says; rounding decides between equally near thresholds in torchmetrics' own."""
        target: Tensor = dim_zero_cat(self.target)
        p_fake: Tensor = dim_zero_cat(self.preds)
        value = equal_error_rate(target.long().cpu().numpy(), p_fake.double().cpu().numpy())
        return torch.tensor(value, dtype=torch.float32, device=self.device)


def detection_metrics(prefix: str) -> MetricCollection:
    """All scalar metrics, logged as `<prefix>accuracy` and so on.

    Update with p_fake (N,) float in [0, 1] and label (N,) int, 0 real, 1 fake. At threshold 0.5: accuracy, precision,
    recall, F1. Over all thresholds: AUROC, average precision, equal error rate (exact, no binning). Higher is better,
    but for `eer`. What is undefined is NaN.
    """
    return MetricCollection(
        {
            "accuracy": BinaryAccuracy(_JUST_BELOW_HALF),
            "precision": _nan_for_nothing(BinaryPrecision(_JUST_BELOW_HALF)),
            "recall": _nan_for_nothing(BinaryRecall(_JUST_BELOW_HALF)),
            "f1": _nan_for_nothing(BinaryF1Score(_JUST_BELOW_HALF)),
            "auroc": AUROC(),
            "average_precision": AveragePrecision(),
            "eer": EqualErrorRate(),
        },
        prefix=prefix,
    )


def _nan_for_nothing(metric: BinaryPrecision | BinaryRecall | BinaryF1Score) -> Metric:
    """Precision without a fake verdict and recall without a fake are undefined, as in `dfdetect.evaluation.metrics`.

    torchmetrics' argument for it takes 0 or 1 only.
    """
    metric.zero_division = float("nan")
    return metric


class PredictionStore(Metric):
    """Keeps every prediction of an epoch, across ranks: what figures, tables and files are made of."""

    full_state_update = False
    index: list[Tensor]
    label: list[Tensor]
    margin: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in ("index", "label", "margin"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, index: Tensor, label: Tensor, margin: Tensor) -> None:
        """Add B predictions: (B,) place in the data set, (B,) label, (B,) logit of fake minus logit of real."""
        self.index.append(index)
        self.label.append(label)
        self.margin.append(margin)

    def compute(self) -> tuple[Tensor, Tensor, Tensor]:
        """Index, label and margin, (N,) each, in order of the index."""
        index, label, margin = (dim_zero_cat(state) for state in (self.index, self.label, self.margin))
        order = torch.argsort(index)
        return index[order], label[order], margin[order]
