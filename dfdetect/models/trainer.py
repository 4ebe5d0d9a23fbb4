"""What a detector and its callbacks ask a trainer for: Lightning sets some of it without declaring it."""

from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn

from dfdetect.data.datamodule import DeepfakeDataModule


def data_of(trainer: Trainer | None) -> DeepfakeDataModule | None:
    """The data module, where there is a trainer and it was given one of ours."""
    data = getattr(trainer, "datamodule", None)
    return data if isinstance(data, DeepfakeDataModule) else None


def is_fitting(trainer: Trainer | None) -> bool:
    """Whether a fit is under way, its validation included: `trainer.training` is False during that."""
    return trainer is not None and trainer.state.fn == TrainerFn.FITTING


def any_rank(trainer: Trainer, flag: bool) -> bool:
    """Whether `flag` holds on any process: all of them must take the same way."""
    return flag if trainer.world_size == 1 else trainer.strategy.reduce_boolean_decision(flag, all=False)
