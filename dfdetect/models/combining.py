"""From trained detectors to a calibrated ensemble: what each says of the validation part, and how that is weighed."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.errors import CheckpointError, DataLayoutError
from dfdetect.evaluation.calibration import calibrate
from dfdetect.evaluation.metrics import Floats, Labels
from dfdetect.evaluation.network_name import ENSEMBLE, Method
from dfdetect.files import sha256_of
from dfdetect.models import layers
from dfdetect.models.checkpoint import FACTS_KEY, read_detector_checkpoint
from dfdetect.models.cost import load_detector
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.ensemble import Ensemble, compose, margin_of_mean

_BOTH = 2


@dataclass(frozen=True)
class Judged:
    """What M detectors say of N pictures.

    Attributes:
        index: (N,) places in the part.
        label: (N,) 0 real, 1 fake.
        margins: (N, M), each divided by its detector's temperature.
    """

    index: Labels
    label: Labels
    margins: Floats


def read_members(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Checkpoints that can be joined: of one split of one data set, with pictures prepared alike.

    Raises:
        CheckpointError: a file that is none of ours, one named twice, an ensemble, or one that was trained otherwise.
    """
    loaded = [read_detector_checkpoint(file) for file in files]
    contents = [sha256_of(file) for file in files]
    for file, checkpoint, content in zip(files, loaded, contents, strict=True):
        if contents.count(content) > 1:
            raise CheckpointError(f"{file}: is the same detector as another one that was named; name each once")
        if str(checkpoint["hyper_parameters"].get("backbone", "")).startswith(ENSEMBLE):
            raise CheckpointError(f"{file}: is an ensemble itself; name the runs that it was made of")
        _refuse_another_training(file, checkpoint[FACTS_KEY], files[0], loaded[0][FACTS_KEY])
    return loaded


def _refuse_another_training(file: Path, facts: Mapping[str, Any], first: Path, wanted: Mapping[str, Any]) -> None:
    if not facts["split"] or not facts["preprocessing"]:
        raise CheckpointError(f"{file}: does not say what it was trained on, so nobody can say what it has not seen")
    one, other = wanted["preprocessing"], facts["preprocessing"]
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    if differing := [f"{name} {other.get(name)}, not {one.get(name)}" for name in names]:
        raise CheckpointError(
            f"{file}: prepares its pictures in another way than {first}: {', '.join(differing)}. The detectors of an "
            "ensemble see the same pixels: train it alike"
        )
    if facts["split"]["fingerprint"] != wanted["split"]["fingerprint"]:
        raise CheckpointError(
            f"{file}: was trained on another split than {first}, so it may have seen what the ensemble is fitted and "
            "tested on. Train all on one: the same data, manifest, data.split and data.split_seed"
        )


def join(loaded: Sequence[dict[str, Any]], method: Method) -> DeepfakeDetector:
    """An ensemble whose head is not fitted yet; see `calibrated`."""
    detectors = [load_detector(checkpoint) for checkpoint in loaded]
    facts = loaded[0][FACTS_KEY]
    composition, network = compose(detectors, method, int(facts["preprocessing"]["image_size"]))
    started = [str(detector.hparams["weights"]) for detector in detectors]
    weights = "none" if "none" in started else started[0]  # what a report tells of it: whether all were pretrained
    ensemble = DeepfakeDetector(backbone=str(composition), weights=weights)
    ensemble.backbone.load_state_dict(network.state_dict())
    ensemble.facts |= {name: facts.get(name) for name in ("preprocessing", "split", "images_seen")}
    return ensemble.eval()


def weigh(ensemble: DeepfakeDetector, weights: Floats, bias: float) -> None:
    """Make its margin the sum of the features by these weights, (C,), and the bias."""
    with torch.no_grad():
        half = torch.from_numpy(np.asarray(weights, np.float64) / _BOTH)
        ensemble.head.linear.weight.copy_(torch.stack([-half, half]))
        ensemble.head.linear.bias.copy_(torch.tensor([-bias / _BOTH, bias / _BOTH]))


def judge_validation(ensemble: DeepfakeDetector, data: DeepfakeDataModule) -> Judged:
    """What each member says of the validation part, on the CPU; files that cannot be read are left out.

    Raises:
        DataLayoutError: not one of them can be read.
        CheckpointError: a score that is not finite.
    """
    data.setup("validate")
    network = ensemble.backbone
    assert isinstance(network, Ensemble)  # noqa: S101, of nothing else are ensembles built
    found: list[tuple[npt.NDArray[Any], ...]] = []
    with torch.inference_mode():
        for batch in tqdm(data.val_dataloader(), desc="Validation part", disable=not sys.stderr.isatty()):
            if len(batch["label"]):
                pixels = ensemble.normalise(batch["image"])
                margins = network.margins(pixels)
                layers.refuse_nan(margins)
                found.append((batch["index"].numpy(), batch["label"].numpy(), margins.double().numpy()))
    if not found:
        raise DataLayoutError(f"{data.origin}: not one image of its validation part can be read")
    return Judged(*(np.concatenate(column) for column in zip(*found, strict=True)))


def calibrated(ensemble: DeepfakeDetector, judged: Judged, method: Method) -> Floats:
    """Weigh the members, choose temperature and threshold, all by the validation part; returns margins (N,) of it.

    They are those that the ensemble gives before its temperature.

    Raises:
        DataLayoutError: a stack, and the validation part has one class only.
    """
    if method == "mean":
        weigh(ensemble, np.ones(1), 0.0)
        margin = margin_of_mean(torch.from_numpy(judged.margins))[:, 0].numpy()
    else:
        weights, bias = combine(judged, method)
        weigh(ensemble, weights, bias)
        margin = judged.margins @ weights + bias
    ensemble.facts |= calibrate(margin, judged.label)
    return margin


def combine(judged: Judged, method: Method) -> tuple[Floats, float]:
    """Weights (M,) of the margins and a bias; 1 / M each and none but for `stack`, which is fitted.

    The fit is a logistic regression with scikit-learn's penalty of C = 1.

    Source: Wolpert, *Stacked Generalization*, Neural Networks 5 (1992).

    Raises:
        DataLayoutError: the validation part has one class only.
    """
    count = judged.margins.shape[1]
    if method != "stack":
        return np.full(count, 1 / count), 0.0
    if judged.label.min() == judged.label.max():
        raise DataLayoutError("A stack is fitted on the validation part, which holds one class only: --method logit")
    fitted = LogisticRegression(max_iter=1000).fit(judged.margins, judged.label)
    return fitted.coef_[0], float(fitted.intercept_[0])


def checkpoint_of(
    ensemble: DeepfakeDetector, loaded: Sequence[dict[str, Any]], files: Sequence[Path]
) -> dict[str, Any]:
    """What a fit would have stored of it, less what only a fit can go on from."""
    members = [{"checkpoint": str(file), "sha256": sha256_of(file)} for file in files]
    ensemble.facts |= {"members": members}
    checkpoint: dict[str, Any] = {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": lightning.__version__,
        "state_dict": ensemble.state_dict(),
        "hyper_parameters": dict(ensemble.hparams),
        "datamodule_hyper_parameters": loaded[0].get("datamodule_hyper_parameters", {}),
    }
    ensemble.on_save_checkpoint(checkpoint)
    return checkpoint
