"""Settings of the detector that are out of their range are refused before anything is built or downloaded."""

import math
from collections.abc import Mapping
from typing import Any, get_args

from dfdetect.errors import UsageError
from dfdetect.models.frontends.registry import RGB, parts_of
from dfdetect.models.mixing import Mixing
from dfdetect.models.optimizers import OptimizerName, SchedulerName
from dfdetect.models.tuning import Tune

_CHOICES = {
    "optimizer": get_args(OptimizerName),
    "scheduler": get_args(SchedulerName),
    "tune": get_args(Tune),
    "mixing": (*get_args(Mixing), None),
}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check what `DeepfakeDetector` was given, by name.

    Raises:
        UsageError: a value out of its range; the message says which there is.
    """
    parts_of(settings["frontend"])
    for name, choices in _CHOICES.items():
        if settings[name] not in choices:
            raise UsageError(f"model.{name} is one of {', '.join(map(str, choices))}, not {settings[name]!r}")
    for name in ("dropout", "drop_path", "label_smoothing"):
        if not 0 <= (settings[name] or 0) < 1:
            raise UsageError(f"model.{name} is at least 0 and below 1, not {settings[name]}")
    for name in ("lr", "weight_decay", "freeze_epochs", "warmup_epochs", "localisation"):
        if not 0 <= settings[name] < math.inf:
            raise UsageError(f"model.{name} is at least 0 and finite, not {settings[name]}")
    if settings["localisation"] and settings["mixing"]:
        raise UsageError("model.localisation and model.mixing: a mixed picture was forged in part; leave one out")
    if settings["localisation"] and settings["tune"] == "head":
        raise UsageError(
            "model.localisation teaches the backbone, and model.tune: head leaves it as it is; leave one out"
        )
    if not 0 < settings["mixing_alpha"] < math.inf:
        raise UsageError(f"model.mixing_alpha is above 0 and finite, not {settings['mixing_alpha']}")
    if not 0 < settings["teacher_share"] <= 1:
        raise UsageError(f"model.teacher_share is above 0 and at most 1, not {settings['teacher_share']}")
    if not 0 < settings["teacher_temperature"] < math.inf:
        raise UsageError(f"model.teacher_temperature is above 0 and finite, not {settings['teacher_temperature']}")
    if not 0 < settings["layer_decay"] <= 1:
        raise UsageError(f"model.layer_decay is above 0 and at most 1, not {settings['layer_decay']}")
    _refuse_idle(settings)


def _refuse_idle(settings: Mapping[str, Any]) -> None:
    """Refuse what would change nothing, and be believed to have."""
    parts = parts_of(settings["frontend"])
    if settings["warmup_epochs"] and settings["scheduler"] == "none":
        raise UsageError("model.warmup_epochs warms up a schedule: add model.scheduler: cosine, or leave it out")
    if settings["tune"] == "head" and RGB in parts and len(parts) > 1:
        raise UsageError(
            f"model.tune: head leaves the backbone as it is, which at first sees nothing of {settings['frontend']} but "
            f"{RGB}: model.tune is all or norms, or model.frontend one without {RGB}"
        )
    if settings["localisation"] and parts == ["spectrum"]:
        raise UsageError("model.localisation learns places of a picture, and model.frontend: spectrum has none")
