"""Messages of other libraries that a user can do nothing about, each with its reason. All others are shown."""

import logging
import warnings
from typing import Any

_WARNINGS = [
    r".*does not round-trip: a tuple is serialized.*",  # jsonargparse on Albumentations' own type hints
    r".*isinstance\(treespec, LeafSpec\).*",  # lightning 2.6 calls what torch 2.15 deprecates
    r".*not supported by the model summary.*",  # only the size in MB is concerned, and only below 32 bit
    r".*does not have many workers.*",  # data.num_workers is set on purpose, and pixels come from a cache
    r".*smaller than the logging interval.*",  # everything is logged once an epoch
    r".*module\(s\) in eval mode at the start of training.*",  # a frozen backbone, asked for by freeze_epochs
    r".*Checkpoint directory .* exists and is not empty.*",  # a resumed run continues in its own folder
    r".*dirpath has changed from.*best_model_score.*",  # a checkpoint tested from another working folder
    r".*WeightAveraging callback, but loading a checkpoint outside.*",  # a test judges the average, which it holds
    r".*Trying to infer the `batch_size` from an ambiguous collection.*",  # metrics are weighed by their own counts
]
_LOGS = ("litlogger", "`weights_only` was not set")  # an advertisement; a notice about a flag that is for saving


def quiet_third_parties() -> None:
    """Filter the messages listed in this module, for the whole process."""
    warnings.formatwarning = _plain_line
    for pattern in _WARNINGS:
        warnings.filterwarnings("ignore", message=r"(?s)" + pattern)
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.trainer.connectors.checkpoint_connector"):
        logging.getLogger(name).addFilter(_wanted)


def _plain_line(message: Warning | str, *_: Any, **__: Any) -> str:
    """A warning for a reader of the terminal: what it says, not which line of code said it."""
    return f"warning: {message}\n"


def _wanted(record: logging.LogRecord) -> bool:
    return not any(text in record.getMessage() for text in _LOGS)
