"""DeepfakeDetector: a backbone and a head that tell real from fake, with its preprocessing inside."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import MetricCollection

from dfdetect.data.dataset import Batch
from dfdetect.data.transforms import sample_seed
from dfdetect.errors import TrainingError, UsageError
from dfdetect.evaluation.calibration import UNCALIBRATED, calibrate
from dfdetect.models import checkpoint as stored
from dfdetect.models import layers, split_guard
from dfdetect.models.backbones import get_backbone
from dfdetect.models.distillation import Teacher, distillation_loss, same_teacher
from dfdetect.models.drop_path import set_drop_path
from dfdetect.models.frontends.first_layer import widen
from dfdetect.models.frontends.registry import build_frontend
from dfdetect.models.initial_weights import load_backbone
from dfdetect.models.localisation import Locator
from dfdetect.models.metrics import PredictionStore, detection_metrics
from dfdetect.models.mixing import Mixing, mix
from dfdetect.models.optimizers import OptimizerName, SchedulerName, build_optimizer, with_cosine
from dfdetect.models.settings import check_settings
from dfdetect.models.trainer import any_rank, data_of, is_fitting
from dfdetect.models.tuning import Tune, parameter_groups, restrict


class DeepfakeDetector(LightningModule):
    """Detector of fake face photos.

    It takes raw pixels, (N, 3, H, W) RGB in 0..255, uint8 or float, and normalises inside. Defaults are the published
    recipe: transfer learning from ImageNet, Adam with learning rate 1e-4, cross-entropy.

    Args:
        backbone: feature extractor: mobilenet_v2, resnet18 or another that `dfdetect backbones` lists; timm:NAME for
            one of timm's; MODULE.NAME for one of your own, see docs/extend.md.
        frontend: what the backbone sees: rgb, srm, npr, phase, dct, spectrum or MODULE.NAME of your own, or several
            joined, such as rgb+srm.
        weights: where a fresh fit starts: `imagenet` (torchvision's, or those that timm has under the name; downloaded
            once), `none` (random), or a file with a state dict of torchvision or timm or a checkpoint of ours, of
            which all but the head is taken.
        freeze_epochs: train only the head for this many epochs; BatchNorm statistics stand still too.
        tune: what learns besides the head: `all`, only scale and shift of the `norms`, or nothing but the `head`.
        layer_decay: each block's learning rate is this share of the next one's, counted from the head; 1 for one rate.
        dropout: rate before the linear layer; null for the backbone's own.
        drop_path: rate at which residual branches are left out in training, of the deepest block; null for the
            backbone's own.
        label_smoothing: share of the target given to the other class, in [0, 1).
        mixing: how pictures of a training batch are mixed: `mixup`, `cutmix`, `both` by turns of chance, or null.
        mixing_alpha: how much: shares are drawn from Beta(alpha, alpha).
        teacher: checkpoint of a trained detector, an ensemble for one, whose answers are learned besides the labels.
        teacher_share: of the loss that is about the teacher's answers, in (0, 1].
        teacher_temperature: what the margins of both are divided by before they are compared.
        localisation: how much of a second loss is added to that of the labels: where the training's fakes were forged,
            as a manifest, file names as CIPLAB's or `data.blending` tell; 0 for none of it.
        test_time_flip: outside of training, score the mean over a picture and its mirror image; twice the cost.
        lr: learning rate.
        weight_decay: of all parameters.
        optimizer: adam, adamw or sgd (momentum 0.9).
        scheduler: `none`, or `cosine` down to 0 over the whole fit.
        warmup_epochs: epochs, also a part of one, of linear warm-up before the cosine.
        compile: run the network through torch.compile; checkpoints stay those of the plain network.

    Raises:
        UsageError: a value out of its range.
    """

    def __init__(
        self,
        backbone: str = "mobilenet_v2",
        frontend: str = "rgb",
        weights: str = "imagenet",
        freeze_epochs: int = 0,
        tune: Tune = "all",
        layer_decay: float = 1.0,
        dropout: float | None = None,
        drop_path: float | None = None,
        label_smoothing: float = 0.0,
        mixing: Mixing | None = None,
        mixing_alpha: float = 1.0,
        teacher: str | None = None,
        teacher_share: float = 0.5,
        teacher_temperature: float = 2.0,
        localisation: float = 0.0,
        test_time_flip: bool = False,
        lr: float = 1e-4,
        weight_decay: float = 0.0,
        optimizer: OptimizerName = "adam",
        scheduler: SchedulerName = "none",
        warmup_epochs: float = 0.0,
        compile: bool = False,  # noqa: A002
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        check_settings(self.hparams)
        self.spec = get_backbone(backbone)
        self.configure_network()
        self.configure_metrics()
        self.facts: dict[str, Any] = dict(UNCALIBRATED)
        self._starts_afresh = True
        self._frozen = False
        self._dropout_seed: int | None = None
        self._has_gradients = False
        self._class_weights: Tensor | None = None
        self._teacher: Teacher | None = None

    def configure_network(self) -> None:
        """Front-end, backbone and head, randomly initialised."""
        settings = ("dropout", "drop_path", "backbone", "frontend")
        dropout, drop_path, name, frontend = (self.hparams[setting] for setting in settings)
        self.normalise = build_frontend(frontend, *self.spec.normalisation())
        self.backbone = self.spec.build()
        widened = widen(self.backbone, self.spec, frontend, name)
        if drop_path is not None:
            set_drop_path(self.backbone, drop_path, name)
        restrict(self.backbone, self.hparams["tune"], name, widened)
        head = layers.PooledLinearHead if self.spec.form == "map" else layers.LinearHead
        self.head: layers.LinearHead = head(self.spec.channels, self.spec.dropout if dropout is None else dropout)
        self.locator = Locator(self.spec, name) if self.localises else None
        self.to(memory_format=torch.channels_last)

    def configure_metrics(self) -> None:
        """Metrics of each stage, and the predictions that figures and files are made of."""
        self.train_metrics = detection_metrics("train/")
        self.val_metrics = self.train_metrics.clone(prefix="val/")
        self.test_metrics = self.train_metrics.clone(prefix="test/")
        self.predictions = PredictionStore()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Initial weights of a fresh fit; the optimiser over all that learns, and the schedule where asked for.

        Weights are loaded here because this is the first moment after a checkpoint has been restored, and before
        callbacks like LearningRateFinder use the network.
        """
        if self._starts_afresh:
            self.load_initial_weights()
            self._starts_afresh = False
        settings = self.hparams
        learning: Any = [parameter for parameter in self.parameters() if parameter.requires_grad]
        if settings["layer_decay"] < 1:
            heads = nn.ModuleList(head for head in (self.head, self.locator) if head is not None)
            learning = parameter_groups(self.backbone, heads, self.spec, settings["lr"], settings["layer_decay"])
        optimizer = build_optimizer(settings["optimizer"], learning, settings["lr"], settings["weight_decay"])
        if settings["scheduler"] == "none":
            return optimizer
        return with_cosine(optimizer, self.trainer, settings["warmup_epochs"])

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to logits (N, 2), real and fake."""
        logits: Tensor = self.head(self._learned_features(pixels))
        return logits

    def _learned_features(self, pixels: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._frozen):
            return self.features(pixels)

    def features(self, pixels: Tensor, compiled: bool = True) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to what the head takes: a feature map (N, C, h, w), or a vector (N, C).

        Without `compiled` torch.compile, which would compile the backbone for another N too, is passed by.
        """
        backbone = self.backbone if compiled else self.backbone.forward

        def see(pixels: Tensor) -> Tensor:
            inputs = self.normalise(pixels).to(self.head.linear.weight.dtype)
            features: Tensor = backbone(inputs.contiguous(memory_format=torch.channels_last))
            return features

        mirrors = self.hparams["test_time_flip"] and not self.training
        return layers.mirrored_mean(see, pixels) if mirrors else see(pixels)

    @property
    def input_size(self) -> int:
        """Side in pixels of the pictures that the backbone was made for; a data module without a size takes it."""
        return self.spec.input_size

    @property
    def localises(self) -> bool:
        """Whether it learns where fakes were forged; a data module then says so."""
        return bool(self.hparams["localisation"])

    def p_fake(self, margin: Tensor) -> Tensor:
        """Logit of fake minus logit of real, (N,), to the only score a user sees, (N,) in [0, 1]; tempered."""
        return torch.sigmoid(margin / self.facts["temperature"])

    def load_initial_weights(self) -> None:
        """Load what `weights` names into the backbone; the head stays random. Raises what `load_backbone` does."""
        load_backbone(self.backbone, self.spec, self.hparams["weights"], self.hparams["frontend"])

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *_: Any, **options: Any) -> "DeepfakeDetector":
        """A trained detector from a local file, on the CPU unless `map_location` says otherwise; no code in it runs.

        Raises:
            CheckpointError: a URL, no such file, or one that no fit of dfdetect wrote whole.
        """
        read = stored.read_detector_checkpoint(checkpoint_path)
        stored.settings_of(read, signature(cls).parameters, str(checkpoint_path))
        options = {"map_location": "cpu"} | options | {"strict": True, "weights_only": True}
        return super().load_from_checkpoint(checkpoint_path, **options)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As in torch; a detector that was given weights is no longer one to be initialised."""
        self._starts_afresh = False
        return super().load_state_dict(state_dict, strict=strict, assign=assign)

    def setup(self, stage: str) -> None:
        """Read checkpoints safely, with any trainer; try the input size; compile for a fit; see what a test takes."""
        stored.read_safely(self.trainer)
        if (data := data_of(self.trainer)) is not None:
            self.spec.check_size(self.hparams["backbone"], data.image_size)
        if stage == "fit" and self.hparams["compile"]:
            self.backbone.compile()
        # of a detector that was trained just now; others know it from their checkpoint
        split_guard.judge_another_set_whole(self.facts, self.trainer)

    def train(self, mode: bool = True) -> "DeepfakeDetector":
        """Training mode; a frozen backbone keeps its BatchNorm statistics and stays in evaluation mode."""
        super().train(mode)
        if self._frozen:
            self.backbone.eval()
        return self

    def on_fit_start(self) -> None:
        """The seed of dropout, unless a checkpoint brought it, what is trained on, class weights, a teacher."""
        if self._dropout_seed is None:
            self._dropout_seed = torch.initial_seed() % 2**32
        self._class_weights = None
        if (data := data_of(self.trainer)) is not None:
            trained = {"split": data.split_facts(), "images_seen": data.division.images_seen()}
            self.facts |= {"preprocessing": data.preprocessing_facts()} | trained
            weights = data.class_weights()
            self._class_weights = None if weights is None else weights.to(self.device)
        elif self.localises:
            raise UsageError(
                "model.localisation learns from batches of DeepfakeDataModule: fit with one, or leave it out"
            )
        if (file := self.hparams["teacher"]) is not None:
            teacher = DeepfakeDetector.load_from_checkpoint(file, map_location=self.device)
            self._teacher = Teacher(teacher, file, data_of(self.trainer))
            rank_zero_info(f"Teacher: {file}, {self.hparams['teacher_share']:.0%} of the loss")
            self.facts["teacher_sha256"] = same_teacher(file, self.facts.get("teacher_sha256"))

    def on_fit_end(self) -> None:
        """Let the teacher go."""
        self._teacher = None

    def on_train_epoch_start(self) -> None:
        """Freeze or thaw the backbone."""
        self._freeze()

    def _freeze(self) -> None:
        self._frozen = self._is_to_be_frozen()
        self.train()

    def _is_to_be_frozen(self) -> bool:
        return bool(self.hparams["tune"] == "head" or self.current_epoch < self.hparams["freeze_epochs"])

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed dropout from (seed, epoch, batch, rank): a resumed epoch draws what the unbroken one would have."""
        if self._frozen != self._is_to_be_frozen():  # resumed within an epoch
            self._freeze()
        torch.manual_seed(sample_seed(self._dropout_seed or 0, self.current_epoch, batch_idx, self.global_rank))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross-entropy of one batch, (,). A batch that is empty on any rank moves no weight on all of them."""
        label = batch["label"]
        if any_rank(self.trainer, len(label) == 0):
            return layers.zero_loss(self)
        self._has_gradients = True
        pixels, target, mixing = batch["image"], label, self.hparams["mixing"]
        if mixing is not None:
            pixels, target = mix(pixels, label, mixing, self.hparams["mixing_alpha"])
            label = target.argmax(dim=1)  # what most of a picture is, for the metrics
        features = self._learned_features(pixels)
        logits = self.head(features)
        smoothing = self.hparams["label_smoothing"]
        loss = F.cross_entropy(logits.float(), target, weight=self._class_weights, label_smoothing=smoothing)
        if self._teacher is not None:
            share, temperature = self.hparams["teacher_share"], self.hparams["teacher_temperature"]
            taught = distillation_loss(layers.margin_of(logits), self._teacher.margin(pixels), temperature)
            loss = (1 - share) * loss + share * taught
        if self.locator is not None:
            located = self.locator.loss(features, batch["forged"], batch["located"])
            self.log("train/localisation", located, on_step=False, on_epoch=True, batch_size=len(label), sync_dist=True)
            loss = loss + self.hparams["localisation"] * located
        margin = layers.margin_of(logits.detach())
        self.train_metrics.update(self.p_fake(margin), label)
        shown = layers.cross_entropy(margin, label)  # as in validation: unweighted, unsmoothed
        self.log(
            "train/loss", shown, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(label), sync_dist=True
        )
        self.log_dict(self.train_metrics, on_step=False, on_epoch=True)
        return loss + layers.zero_loss(self) if self._frozen and self.trainer.world_size > 1 else loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Take away the gradients of what must not move: every optimiser passes over parameters without one."""
        skipped = self.backbone.parameters() if self._frozen else ()
        for parameter in skipped if self._has_gradients else self.parameters():
            parameter.grad = None
        self._has_gradients = False

    def on_validation_start(self) -> None:
        """Forget the last pass's predictions; outside of a fit, refuse images that training may have seen."""
        self.predictions.reset()
        if not is_fitting(self.trainer):
            self._check_evaluation("val")

    def on_test_start(self) -> None:
        """Forget the last pass's predictions, and refuse images that training may have seen."""
        self.predictions.reset()
        self._check_evaluation("test")

    def on_predict_start(self) -> None:
        """Refuse random weights; say where images are prepared in another way than in training."""
        self._check_evaluation("predict")

    def _check_evaluation(self, part: split_guard.Judged) -> None:
        """Raises `CheckpointError`."""
        split_guard.refuse_untrained(self._starts_afresh)
        split_guard.check_evaluation(self.facts, data_of(self.trainer), part)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect one batch's predictions."""
        self.predictions.update(batch["index"], batch["label"], self._margins(batch))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect one batch's predictions."""
        self.predictions.update(batch["index"], batch["label"], self._margins(batch))

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics; in a fit, choose temperature and threshold by the same predictions."""
        self._log_evaluation(self.val_metrics)
        if is_fitting(self.trainer) and not self.trainer.sanity_checking:
            _, label, margin = self.predictions.compute()
            self.facts |= calibrate(margin.cpu().double().numpy(), label.cpu().long().numpy())

    def on_test_epoch_end(self) -> None:
        """Log the test metrics."""
        self._log_evaluation(self.test_metrics)

    def predict_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, Tensor]:
        """Index (B,) and p_fake (B,) of one batch."""
        margins = self._margins(batch)
        layers.refuse_nan(margins)
        return batch["index"], self.p_fake(margins)

    def _margins(self, batch: Batch) -> Tensor:
        """(B,) float32; B may be 0 where no file of a batch could be read.

        Without autocast, whatever the trainer's precision: threshold, temperature and every figure shall be those of
        the network that is exported, and bfloat16 moves p_fake by several hundredths.
        """
        if len(batch["label"]) == 0:
            return torch.empty(0, device=self.device)
        with layers.without_autocast(batch["image"]):
            return layers.margin_of(self(batch["image"]))

    def _log_evaluation(self, metrics: MetricCollection) -> None:
        """Every rank holds all predictions here, so the metrics need no further exchange."""
        _, label, margin = self.predictions.compute()
        if len(label) == 0:
            raise TrainingError(f"No image for the {metrics.prefix} metrics could be read; see skipped.csv")
        if not is_fitting(self.trainer):
            layers.refuse_nan(margin)
        values = metrics(self.p_fake(margin), label)
        values[f"{metrics.prefix}loss"] = layers.cross_entropy(margin, label)
        metrics.reset()
        shown = (f"{metrics.prefix}auroc", f"{metrics.prefix}accuracy")
        self.log_dict({name: values.pop(name) for name in shown}, prog_bar=True, sync_dist=True)
        self.log_dict(values, sync_dist=True)  # the same on all ranks

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write the facts beside the weights."""
        checkpoint[stored.FACTS_KEY] = stored.facts_to_store(
            self.facts | {"centred_on_first": self.spec.centred_on_first}, self._dropout_seed
        )

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the facts back; raises `CheckpointError` for a file that another program wrote."""
        stored.check_contents(checkpoint)
        stored.check_shapes(self.state_dict(), checkpoint["state_dict"], self.hparams["backbone"])
        self.facts = dict(checkpoint[stored.FACTS_KEY])
        self._dropout_seed = self.facts.pop("dropout_seed")
        self._starts_afresh = False
        if self._trainer is None:
            return
        if is_fitting(self._trainer):
            stored.check_training_state(checkpoint)
            split_guard.refuse_another_split(self.facts, data_of(self._trainer))
        split_guard.judge_another_set_whole(self.facts, self._trainer)
