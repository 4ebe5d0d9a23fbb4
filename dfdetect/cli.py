"""fit, validate, test, predict: LightningCLI with fixed classes, our defaults, and a run chosen by `dfdetect.runs`."""

import argparse
import errno
import platform
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.exceptions import SIGTERMException

from dfdetect.callbacks.access import run_folder
from dfdetect.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from dfdetect.callbacks.defaults import fixed_callbacks
from dfdetect.callbacks.report import ReportPage
from dfdetect.callbacks.results import EvaluationResults
from dfdetect.callbacks.robustness import RobustnessCurves
from dfdetect.callbacks.tensorboard import TensorBoardFigures
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.errors import CheckpointError, TrainingError, UsageError
from dfdetect.models.backbones import get_backbone
from dfdetect.models.checkpoint import SafeCheckpointIO, read_detector_checkpoint
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.quiet import quiet_third_parties
from dfdetect.runs import CONFIG, LOG_FOLDER, Plan, make_plan, run_of

_DESCRIPTIONS = {
    "fit": "Train a detector. Example: dfdetect fit --config mobilenetv2 --data.root photos/",
    "validate": "Score the validation part with the newest run's best checkpoint. Example: dfdetect validate",
    "test": "Score the test part with the newest run's best checkpoint, with --robustness also under corruptions. "
    "Examples: dfdetect test --ckpt_path best.ckpt; dfdetect test --robustness",
    "predict": "Score unlabelled images. Example: dfdetect predict --data.predict_root photos/",
}
_FLAGS = {"--allow-new-split": "--data.allow_new_split=true", "--robustness": "--robustness.enabled=true"}
_EXTRAS = {"WandbLogger": ("wandb", "wandb"), "MLFlowLogger": ("mlflow", "mlflow")}
_OWN_DATA_ONLY = [
    *("--data.manifest=null", "--data.layout=null", "--data.split=auto", "--data.folds=0", "--data.fold=0"),
    "--results.by=null",
]
_LOGGER = f"{TensorBoardLogger.__module__}.{TensorBoardLogger.__qualname__}"


def run(subcommand: str, arguments: list[str]) -> int:
    """Run fit, validate, test or predict; returns the exit code, raises our own errors for a user's mistakes."""
    try:
        execute(subcommand, arguments)
    except SIGTERMException:
        go_on = "; checkpoints are whole. Go on with: dfdetect fit --ckpt_path last" if subcommand == "fit" else ""
        sys.stderr.write(f"dfdetect: stopped by SIGTERM{go_on}\n")
        return 128 + signal.SIGTERM
    return 0


def execute(subcommand: str, arguments: list[str], command: str | None = None) -> "DetectorCLI":
    """The same, for a caller that wants to look at the trainer afterwards; raises `SIGTERMException` too.

    `command` is the line that was typed, for the run's record, where it was another than this; empty to note none.
    """
    quiet_third_parties()
    plan = make_plan(subcommand, [_FLAGS.get(argument, argument) for argument in arguments])
    plan.command = shlex.join(["dfdetect", subcommand, *arguments]) if command is None else command
    _refuse_missing_extras(plan.arguments)
    with _plain_errors(), tempfile.TemporaryDirectory() as scratch:
        return DetectorCLI(plan, Path(scratch))


class DetectorCLI(LightningCLI):
    """LightningCLI for one detector and one data module.

    Args:
        plan: the chosen run and checkpoint, and the arguments to parse.
        scratch: a folder that lives as long as this object is built.
    """

    def __init__(self, plan: Plan, scratch: Path) -> None:
        self.plan = plan
        self._given_model: dict[str, Any] = {}
        writes_config = plan.subcommand == "fit" or plan.run is None
        base = _base_config(plan, scratch)
        if base is not None and plan.subcommand != "fit":
            plan.arguments = _for_another_root(base, plan.arguments)
        defaults = {"default_config_files": [str(base)] if base else []}
        super().__init__(
            DeepfakeDetector,
            DeepfakeDataModule,
            save_config_callback=RunConfig if writes_config else None,
            save_config_kwargs={"overwrite": plan.run is not None},
            trainer_defaults={"precision": "16-mixed", "max_epochs": 10, "use_distributed_sampler": False},
            seed_everything_default=42,
            parser_kwargs={
                "prog": "dfdetect",
                **{name: {"description": text, **defaults} for name, text in _DESCRIPTIONS.items()},
            },
            auto_configure_optimizers=False,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """The callbacks that have settings, the logger, and one seed for all."""
        parser.add_lightning_class_args(BestCheckpoint, "best_checkpoint")
        parser.add_lightning_class_args(LastCheckpoint, "last_checkpoint")
        parser.add_lightning_class_args(TensorBoardFigures, "figures")
        parser.add_lightning_class_args(EvaluationResults, "results")
        parser.add_lightning_class_args(RobustnessCurves, "robustness")
        parser.add_lightning_class_args(ReportPage, "report")  # the last: it shows what the others wrote
        where = "folder of the run, instead of the next lightning_logs/NAME/version_N or the newest run"
        parser.add_argument("--run", type=str | None, default=None, help=where)
        logger = {"save_dir": LOG_FOLDER, "name": self.plan.name, "default_hp_metric": False}
        parser.set_defaults({"trainer.logger": {"class_path": _LOGGER, "init_args": logger}})
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse, then put the chosen checkpoint, run folder and a precision that this machine has into the result."""
        self.config = parser.parse_args([self.plan.subcommand, *self.plan.arguments])
        config = self.config[self.plan.subcommand]
        config["weights_only"] = True
        config["ckpt_path"] = str(self.plan.checkpoint) if self.plan.checkpoint else None
        if not 0 <= int(config["seed_everything"]) < 2**32:
            raise UsageError(f"seed_everything is from 0 to {2**32 - 1}, not {config['seed_everything']}")
        self._given_model = dict(config["model"].as_dict())
        if self.plan.run is not None:
            _write_into(self.plan.run, config["trainer"], appends=self.plan.subcommand == "fit")
        if self.plan.subcommand in ("validate", "test"):
            config["verbose"] = False  # our own table says more
        config["trainer"]["precision"] = _available_precision(config["trainer"])

    def before_instantiate_classes(self) -> None:
        """Take the backbone's input size where none is named; say which checkpoint is used, and what it overrules."""
        config = self.config[self.plan.subcommand]
        if config["data"]["image_size"] is None:
            config["data"]["image_size"] = get_backbone(config["model"]["backbone"]).input_size
        if self.plan.checkpoint is None:
            return
        rank_zero_info(f"Checkpoint: {self.plan.checkpoint}" + (f"  (run {self.plan.run})" if self.plan.run else ""))
        if self.plan.subcommand == "fit" and self.plan.run:
            rank_zero_info(f"Settings: {self.plan.run / CONFIG}; only the command line overrules them")
        used = config["model"].as_dict()
        for name, asked in self._given_model.items():
            if used[name] != asked:
                rank_zero_info(f"model.{name}: {asked!r} was asked for, but the checkpoint decides: {used[name]!r}")

    def instantiate_classes(self) -> None:
        """Build what was configured; what a callback or transform says of its settings is said as it says it."""
        try:
            super().instantiate_classes()
        except ValueError as error:  # jsonargparse's, of all types that a value might have had
            said: BaseException | None = error
            while said is not None and not isinstance(said, UsageError):
                said = said.__cause__
            if said is None:
                raise
            raise UsageError(str(said)) from error

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """The trainer with the callbacks every run has and with safe, atomic checkpoint files."""
        config = self._get(self.config_init, "trainer")
        config["callbacks"] = [
            *(config.get("callbacks") or []),
            *fixed_callbacks(config["logger"] is not False, self.plan.command, self.plan.run_is_named),
        ]
        plugins = config.get("plugins") or []
        config["plugins"] = [*(plugins if isinstance(plugins, list) else [plugins]), SafeCheckpointIO()]
        try:
            return super().instantiate_trainer(**kwargs)
        except (TypeError, ValueError) as error:  # a value that the parser lets pass and Lightning does not
            raise UsageError(f"trainer: {error}") from error


class RunConfig(SaveConfigCallback):
    """Writes a run's config.yaml so that it can be given to `--config` again: no checkpoint, no fixed version in it."""

    def __init__(self, parser: LightningArgumentParser, config: Namespace, **options: Any) -> None:
        config = config.clone()
        config["ckpt_path"] = config["run"] = None
        for logger in _file_loggers(config["trainer"]):
            logger["init_args"]["version"] = None
        super().__init__(parser, config, **options)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write it into the run's folder, also where no logger of Lightning's names one."""
        folder = run_folder(trainer)
        if trainer.is_global_zero and not self.already_saved:
            folder.mkdir(parents=True, exist_ok=True)
            options = {"skip_none": False, "overwrite": self.overwrite, "multifile": self.multifile}
            self.parser.save(self.config, str(folder / CONFIG), **options)
        self.already_saved = True


def _refuse_missing_extras(arguments: list[str]) -> None:
    files = (Path(value) for value in arguments if value.endswith((".yaml", ".yml")))
    text = " ".join([*arguments, *(file.read_text(encoding="utf-8") for file in files if file.is_file())])
    for logger, (module, extra) in _EXTRAS.items():
        if logger in text and find_spec(module) is None:
            raise UsageError(f'{logger} needs an extra: pip install "dfdetect[{extra}]"')


def _base_config(plan: Plan, scratch: Path) -> Path | None:
    """The configuration below all others: the run's own, or what a checkpoint without a run remembers."""
    if plan.checkpoint is None:
        return None
    checkpoint = read_detector_checkpoint(plan.checkpoint)
    run = run_of(plan.checkpoint)
    if run is not None:
        return run / CONFIG
    rank_zero_info(f"{plan.checkpoint} lies in no run: model and data settings are its own, augmentation the default")
    remembered = {"model": checkpoint["hyper_parameters"], "data": checkpoint.get("datamodule_hyper_parameters", {})}
    if "augment" in remembered["data"]:
        raise CheckpointError(
            f"{plan.checkpoint}: refused: it names classes to import, data.augment; no fit writes that"
        )
    plain = {part: {k: v for k, v in values.items() if not k.startswith("_")} for part, values in remembered.items()}
    file = scratch / CONFIG
    file.write_text(yaml.safe_dump(plain))
    return file


def _for_another_root(base: Path, arguments: list[str]) -> list[str]:
    """Arguments before which, where they name another `data.root`, what was meant for the run's own data is undone.

    A run's manifest would win over the root that is named, an own layout is that of the run's root, and its split and
    folds are not those of other data.
    """
    scanner = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    scanner.add_argument("--data.root", dest="root")
    named = scanner.parse_known_args(arguments)[0].root
    own = (yaml.safe_load(base.read_text(encoding="utf-8")) or {}).get("data") or {}
    manifest = own.get("manifest")
    known = [own.get("root"), manifest, manifest and str(Path(manifest).parent)]
    if named is None or any(place and Path(place).resolve() == Path(named).resolve() for place in known):
        return arguments
    if manifest:
        rank_zero_info(f"{named} is judged, not the run's own manifest {manifest}")
    if layout := own.get("layout"):
        rank_zero_info(f"data.layout {layout} is not taken for {named}: to have it so, --data.layout {layout}")
    return [*_OWN_DATA_ONLY, *arguments]


def _write_into(run: Path, trainer: Namespace, appends: bool) -> None:
    """Point the loggers at an existing run, instead of opening the next version.

    Only TensorBoard's can add to what a fit has logged; a CSVLogger would erase it, so a test goes without.
    """
    place = {"save_dir": str(run.parent.parent), "name": run.parent.name, "version": _version(run)}
    loggers = _file_loggers(trainer)
    if not appends and not any(_is(logger, TensorBoardLogger) for logger in loggers):
        trainer["logger"], trainer["default_root_dir"] = False, str(run)
        return
    for logger in loggers:
        for key, value in place.items():
            logger["init_args"][key] = value


def _file_loggers(trainer: Namespace) -> list[Namespace]:
    """The loggers that write into a run's folder."""
    loggers = trainer["logger"] if isinstance(trainer["logger"], list) else [trainer["logger"]]
    return [one for one in loggers if _is(one, TensorBoardLogger) or _is(one, CSVLogger)]


def _is(logger: Any, kind: type[Logger]) -> bool:
    return isinstance(logger, Namespace) and str(logger.get("class_path")).endswith(kind.__name__)


def _version(run: Path) -> int | str:
    number = run.name.removeprefix("version_")
    return int(number) if number.isdigit() else run.name


def _available_precision(trainer: Namespace) -> Any:
    """16-mixed where a GPU can do it; said once where another has to stand in."""
    asked, accelerator = trainer["precision"], trainer["accelerator"]
    if str(asked) not in ("16-mixed", "16"):
        return asked
    if accelerator in ("cuda", "gpu", "auto") and CUDAAccelerator.is_available():
        return asked
    if accelerator in ("mps", "gpu", "auto") and MPSAccelerator.is_available():
        rank_zero_info("Precision: 16-mixed needs an NVIDIA GPU; on this Apple GPU 32-true is used")
        return "32-true"
    if accelerator not in ("cpu", "auto"):
        return asked
    used = "bf16-mixed" if _computes_bfloat16() else "32-true"
    rank_zero_info(f"Precision: 16-mixed needs a GPU; on this CPU {used} is used")
    return used


def _computes_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; emulated, a step takes ten times as long as in fp32."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        return bool(torch.cpu._is_avx512_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what a user can mend into one of our errors."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            "The GPU is out of memory. Take a smaller --data.batch_size (with --trainer.accumulate_grad_batches to "
            "keep the effective one), a smaller --data.image_size, or --trainer.precision 16-mixed"
        ) from error
    except MisconfigurationException as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise TrainingError(str(error)) from error
        raise TrainingError(
            f"The disk is full ({error.filename or 'while writing'}). The checkpoints written before are whole: make "
            "room, then go on with dfdetect fit --ckpt_path last"
        ) from error
