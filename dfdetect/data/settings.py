"""Settings of the data module that are out of their range are refused before anything is read or downloaded."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from dfdetect.data.blending.masks import MASKS
from dfdetect.data.cache import CACHE_MODES
from dfdetect.data.face_crop import DEFAULT_MARGIN, MOST_MARGIN
from dfdetect.data.own_layout import check_layout
from dfdetect.data.resize import CROPS
from dfdetect.data.splits import Split
from dfdetect.errors import UsageError

ClassBalance = Literal["none", "weighted_loss", "sampler", "source_sampler"]
_CHOICES = {
    "crop": CROPS,
    "cache": CACHE_MODES,
    "class_balance": get_args(ClassBalance),
    "split": get_args(Split),
}


def check_settings(settings: Mapping[str, Any], seed: int) -> None:
    """Check what `DeepfakeDataModule` was given, by name, and its `seed`.

    Raises:
        UsageError: a value out of its range; the message says which there is.
    """
    for name, choices in _CHOICES.items():
        if settings[name] not in choices:
            raise UsageError(f"data.{name} is one of {', '.join(choices)}, not {settings[name]!r}")
    check_layout(settings["layout"], settings["manifest"])
    workers = settings["num_workers"]
    size = 1 if settings["image_size"] is None else settings["image_size"]
    _check_at_least(1, image_size=size, batch_size=settings["batch_size"])
    _check_at_least(0, generate=settings["generate"], seed=seed, num_workers=0 if workers == "auto" else workers)
    if not -(2**63) <= settings["split_seed"] < 2**63:
        raise UsageError(f"data.split_seed must fit into 64 bits, got {settings['split_seed']}")
    folds, fold = settings["folds"], settings["fold"]
    if folds == 1 or folds < 0 or not 0 <= fold < max(1, folds):
        raise UsageError(f"data.folds is 0 or at least 2, and data.fold from 0 below it; got {folds} and {fold}")
    quality = settings["normalise_encoding"]
    if quality is not None and not 1 <= quality <= 100:
        raise UsageError(f"data.normalise_encoding is a JPEG quality from 1 to 100, not {quality}")
    _check_face_margin(settings["face_margin"], settings["crop"])
    _check_blending(settings)


def _check_face_margin(margin: float, crop: str) -> None:
    if not 0 <= margin <= MOST_MARGIN:  # NaN neither
        raise UsageError(f"data.face_margin is a share of the face's side, from 0 to {MOST_MARGIN}, not {margin}")
    if margin != DEFAULT_MARGIN and crop != "face":
        raise UsageError(
            f"data.face_margin is the room around a face that is cut out: it needs data.crop: face, not {crop}"
        )


def _check_blending(settings: Mapping[str, Any]) -> None:
    masks, landmarks = settings["blending"], settings["landmarks"]
    if landmarks and settings["crop"] != "resize":
        raise UsageError(
            "data.landmarks are shares of the whole picture: they need data.crop: resize. Without them they are found "
            f"in what data.crop: {settings['crop']} cuts out"
        )
    if not 0 <= settings["erase_parts"] <= 1:
        raise UsageError(f"data.erase_parts is a share from 0 to 1, not {settings['erase_parts']}")
    if not 0 <= settings["own_fakes"] < 1:
        raise UsageError(
            f"data.own_fakes is a share of the pairs, from 0 to below 1, not {settings['own_fakes']}; null for "
            "data.blending trains on the data's fakes alone"
        )
    if masks is None:
        if settings["own_fakes"]:
            raise UsageError("data.own_fakes stand in the place of blended ones: it needs data.blending")
        return
    if settings["own_fakes"] and settings["erase_parts"]:
        raise UsageError("data.erase_parts has landmarks of the real photos alone: leave it or data.own_fakes out")
    if not masks or not set(masks) <= set(MASKS):
        raise UsageError(f"data.blending is null or a list of {', '.join(MASKS)}, not {masks!r}")
    if settings["batch_size"] % 2:
        raise UsageError(f"data.blending makes pairs, so data.batch_size must be even, not {settings['batch_size']}")


def _check_at_least(least: int, **options: int) -> None:
    for name, value in options.items():
        if value < least:
            raise UsageError(f"data.{name} must be at least {least}, got {value}")
