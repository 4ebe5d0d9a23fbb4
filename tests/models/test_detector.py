"""The detector learns, freezes, weighs and schedules as it says, from raw pixels to logits."""

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch import Callback, Trainer
from torch import nn
from torchvision.models import EfficientNet_V2_S_Weights

import dfdetect
from dfdetect.data.transforms import sample_seed
from dfdetect.errors import TrainingError, UsageError
from dfdetect.models.checkpoint import read_checkpoint
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.layers import margin_of
from dfdetect.models.mixing import mix
from tests.fits import faces_data, quiet_trainer, tiny_detector


def manifest(file: Path, faces: Path, train: tuple[int, int], val: tuple[int, int] = (2, 2)) -> Path:
    """A manifest of so many (real, fake) faces in each part; the test part holds one of each."""
    pools = {label: iter(sorted((faces / label).rglob("*.jpg"))) for label in ("real", "fake")}
    with open(file, "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "label", "split"])
        for part, counts in {"train": train, "val": val, "test": (1, 1)}.items():
            for label, count in zip(pools, counts, strict=True):
                writer.writerows([next(pools[label]), label, part] for _ in range(count))
    return file


class Recorder(Callback):
    """Copies what a fit does: learning rates, losses, weights after each epoch."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[tuple[float, torch.Tensor, torch.Tensor]] = []
        self.states: list[dict[str, torch.Tensor]] = []

    def on_fit_start(self, trainer, pl_module) -> None:
        self.states.append({name: tensor.clone() for name, tensor in pl_module.state_dict().items()})

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        with torch.no_grad():
            self.losses.append((float(outputs["loss"]), pl_module(batch["image"]), batch["label"]))

    def on_train_epoch_end(self, trainer, pl_module) -> None:
        self.states.append({name: tensor.clone() for name, tensor in pl_module.state_dict().items()})


def recorded(detector: DeepfakeDetector, data, folder: Path, **trainer: Any) -> Recorder:
    recorder = Recorder()
    short = {"limit_val_batches": 1, "num_sanity_val_steps": 0}
    quiet_trainer(folder, callbacks=[recorder], **short | trainer).fit(detector, data)
    return recorder


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_uint8_and_float_pixels_give_the_same_logits(name):
    detector = DeepfakeDetector(name, weights="none").eval()
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        logits = detector(pixels)
        assert torch.equal(logits, detector(pixels.float()))
        assert torch.equal(logits, detector(pixels.contiguous(memory_format=torch.channels_last)))
    assert logits.shape == (2, 2)


def test_p_fake_is_the_softmax_of_fake():
    logits = torch.tensor([[1.0, -2.0], [0.5, 3.0], [0.0, 0.0]])
    p_fake = tiny_detector().p_fake(logits[:, 1] - logits[:, 0])
    torch.testing.assert_close(p_fake, logits.softmax(dim=1)[:, 1])


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_overfits_sixteen_images(tmp_path, generated_faces, name):
    torch.manual_seed(0)
    data = faces_data(manifest(tmp_path / "m.csv", generated_faces, (8, 8)), image_size=64, augment=[], cache="ram")
    trainer = quiet_trainer(tmp_path, callbacks=[], max_epochs=40, limit_val_batches=0)
    trainer.fit(DeepfakeDetector(name, weights="none", lr=1e-3, dropout=0.0), data)
    assert trainer.callback_metrics["train/accuracy"] == 1.0
    assert trainer.callback_metrics["train/loss"] < 0.1


@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd", "weight_decay": 0.1}, {"optimizer": "adamw"}])
def test_frozen_backbone_stands_still_and_then_moves(tmp_path, generated_faces, settings):
    detector = tiny_detector(freeze_epochs=1, **settings)
    recorder = recorded(detector, faces_data(generated_faces), tmp_path, max_epochs=2, limit_train_batches=3)
    start, frozen, thawed = recorder.states
    names = [name for name in start if name.startswith("backbone.")]
    assert any("running_mean" in name for name in names)
    assert all(torch.equal(start[name], frozen[name]) for name in names)
    assert not any(torch.equal(frozen[name], thawed[name]) for name in names)
    assert not torch.equal(start["head.linear.weight"], frozen["head.linear.weight"])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("balance", ["none", "weighted_loss"])
def test_loss_is_that_of_pytorch(tmp_path, generated_faces, smoothing, balance):
    data = faces_data(manifest(tmp_path / "m.csv", generated_faces, (24, 8)), class_balance=balance)
    recorder = recorded(tiny_detector(lr=0.0, dropout=0.0, label_smoothing=smoothing), data, tmp_path)
    weights = torch.tensor([32 / 48, 32 / 16]) if balance == "weighted_loss" else None
    assert len(recorder.losses) == 2
    for loss, logits, label in recorder.losses:
        expected = F.cross_entropy(logits, label, weight=weights, label_smoothing=smoothing)
        assert loss == pytest.approx(float(expected), abs=1e-5)


def test_the_logged_training_loss_is_the_function_that_validation_logs(tmp_path, generated_faces):
    """Smoothing and class weights change what is learnt from, not what two curves in one chart mean."""
    data = faces_data(manifest(tmp_path / "m.csv", generated_faces, (24, 8)), class_balance="weighted_loss")
    trainer = quiet_trainer(tmp_path, callbacks=[recorder := Recorder()])
    trainer.fit(tiny_detector(lr=0.0, dropout=0.0, label_smoothing=0.3), data)
    logits, label = torch.cat([step[1] for step in recorder.losses]), torch.cat([step[2] for step in recorder.losses])
    plain = float(F.cross_entropy(logits, label))
    assert trainer.callback_metrics["train/loss"] == pytest.approx(plain, abs=1e-5)


class Mixed(Callback):
    """Mixes each batch once more with the step's own seed: loss that was, and loss of mixed pixels and shares."""

    def __init__(self) -> None:
        self.pairs: list[tuple[float, float]] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(sample_seed(pl_module._dropout_seed, trainer.current_epoch, batch_idx, 0))
            pixels, share = mix(batch["image"], batch["label"], pl_module.hparams["mixing"], 0.7)
            expected = -(share * F.log_softmax(pl_module(pixels), dim=1)).sum(dim=1).mean()
        self.pairs.append((float(outputs["loss"]), float(expected)))


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "both"])
def test_mixed_batches_are_learned_from_by_their_shares(tmp_path, generated_faces, mixing):
    detector = tiny_detector(lr=0.0, dropout=0.0, mixing=mixing, mixing_alpha=0.7)
    trainer = quiet_trainer(tmp_path, callbacks=[mixed := Mixed()], limit_train_batches=4)
    trainer.fit(detector, faces_data(generated_faces))
    assert len(mixed.pairs) == 4
    for loss, expected in mixed.pairs:
        assert loss == pytest.approx(expected, abs=1e-5)
    assert 0 < trainer.callback_metrics["train/accuracy"] <= 1


@pytest.mark.parametrize("backbone", ["resnet18", "convnext_tiny"])
def test_a_flipped_test_is_the_mean_of_both_ways_round(backbone):
    plain = DeepfakeDetector(backbone, weights="none").eval()
    nn.init.normal_(plain.head.linear.weight, std=100.0)  # random networks hardly tell pictures apart
    flipping = DeepfakeDetector(backbone, weights="none", test_time_flip=True)
    flipping.load_state_dict(plain.state_dict())
    pixels = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        wanted = (plain(pixels) + plain(pixels.flip(3))) / 2
        torch.testing.assert_close(flipping.eval()(pixels), wanted, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(flipping.eval()(pixels.flip(3)), wanted, atol=1e-3, rtol=1e-3)
        assert float((wanted - plain(pixels)).abs().max()) > 0.02
    seen = []
    flipping.backbone.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    flipping.train()(pixels)
    flipping.eval()(pixels)
    assert seen == [3, 6]  # training sees pictures as they come


class Gradients(Callback):
    """Whether the gradients of each optimiser step were kept."""

    def __init__(self) -> None:
        self.sizes: list[list[int]] = [[]]
        self.kept: list[bool] = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self.sizes[-1].append(len(batch["label"]))

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if len(self.sizes[-1]) == trainer.accumulate_grad_batches:
            self.kept.append(pl_module.head.linear.weight.grad is not None)
            self.sizes.append([])


def test_an_emptied_batch_keeps_what_was_accumulated_before_it(tmp_path, generated_faces):
    faces = break_files(generated_faces, tmp_path / "f", 10, 10)
    trainer = quiet_trainer(tmp_path, callbacks=[watch := Gradients()], limit_val_batches=0, accumulate_grad_batches=2)
    trainer.fit(tiny_detector(), faces_data(faces, batch_size=1))
    windows = [sizes for sizes in watch.sizes if len(sizes) == 2]
    assert [1, 0] in windows
    assert [0, 0] in windows
    assert watch.kept == [any(sizes) for sizes in windows]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("adam", torch.optim.Adam, {}),
        ("adamw", torch.optim.AdamW, {}),
        ("sgd", torch.optim.SGD, {"momentum": 0.9}),
    ],
)
def test_optimizers(name, kind, expected):
    optimizer: Any = tiny_detector(optimizer=name, lr=0.02, weight_decay=0.3).configure_optimizers()
    assert type(optimizer) is kind
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.02, 0.3)
    assert {key: group[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("trainer", "warmup_epochs", "warmup", "total"),
    [
        ({"max_epochs": 3}, 0.0, 0, 12),
        ({"max_epochs": 3}, 1.0, 4, 12),
        ({"max_epochs": 3}, 0.5, 2, 12),
        ({"max_epochs": 9, "max_steps": 6}, 1.0, 4, 6),
        ({"max_epochs": -1, "max_steps": 6}, 0.5, 2, 6),
    ],
)
def test_cosine_and_warm_up_are_counted_in_steps_and_epochs(
    tmp_path, generated_faces, trainer, warmup_epochs, warmup, total
):
    detector = tiny_detector(lr=0.1, scheduler="cosine", warmup_epochs=warmup_epochs)
    recorder = recorded(detector, faces_data(generated_faces), tmp_path, limit_train_batches=4, **trainer)
    expected = [
        0.1 * (step + 1) / warmup
        if step < warmup
        else 0.05 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))
        for step in range(total)
    ]
    assert recorder.rates == pytest.approx(expected)


def test_a_cosine_without_an_end_is_refused(tmp_path, generated_faces):
    with pytest.raises(UsageError, match="max_epochs"):
        recorded(tiny_detector(scheduler="cosine"), faces_data(generated_faces), tmp_path, max_epochs=-1)


@pytest.mark.parametrize(
    ("backbone", "asked", "rate"),
    [("mobilenet_v2", None, 0.2), ("resnet18", None, 0.0), ("mobilenet_v2", 0.0, 0.0), ("resnet18", 0.4, 0.4)],
)
def test_dropout_is_the_backbones_unless_given(backbone, asked, rate):
    assert DeepfakeDetector(backbone, weights="none", dropout=asked).head.dropout.p == rate


def test_a_data_module_without_a_size_takes_the_networks(tmp_path, generated_faces):
    data = dfdetect.DeepfakeDataModule(root=str(generated_faces), num_workers=0, batch_size=4, cache="off")
    assert (data.image_size, data.hparams["image_size"]) == (224, None)
    trainer = quiet_trainer(tmp_path, callbacks=[], limit_train_batches=1, limit_val_batches=0)
    detector = tiny_detector()
    detector.spec = replace(detector.spec, weights=EfficientNet_V2_S_Weights.IMAGENET1K_V1)
    trainer.fit(detector, data)
    assert detector.facts["preprocessing"]["image_size"] == 384
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    assert read_checkpoint(tmp_path / "x.ckpt")["datamodule_hyper_parameters"]["image_size"] == 384


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": "lion"}, "adam, adamw, sgd, not 'lion'"),
        ({"scheduler": "step"}, "none, cosine, not 'step'"),
        ({"dropout": 1.0}, "dropout is at least 0 and below 1"),
        ({"label_smoothing": -0.1}, "label_smoothing is at least 0"),
        ({"lr": -1.0}, "lr is at least 0"),
        ({"lr": float("nan")}, "lr is at least 0 and finite"),
        ({"localisation": float("inf")}, "localisation is at least 0 and finite"),
        ({"mixing_alpha": float("nan")}, "mixing_alpha is above 0 and finite"),
        ({"teacher_temperature": float("inf")}, "teacher_temperature is above 0 and finite"),
        ({"warmup_epochs": 3.0}, "add model.scheduler: cosine"),
        ({"tune": "head", "frontend": "rgb+srm"}, r"at first sees nothing of rgb\+srm but rgb"),
        ({"localisation": 1.0, "frontend": "spectrum"}, "spectrum has none"),
        ({"freeze_epochs": -1}, "freeze_epochs"),
        ({"backbone": "vgg"}, "'vgg' is unknown"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        tiny_detector(**settings)


def test_defaults_are_the_published_recipe():
    hparams = DeepfakeDetector().hparams
    recipe = {"backbone": "mobilenet_v2", "weights": "imagenet", "optimizer": "adam", "lr": 1e-4, "weight_decay": 0.0}
    assert recipe.items() <= dict(hparams).items()
    assert (hparams["scheduler"], hparams["freeze_epochs"], hparams["label_smoothing"]) == ("none", 0, 0.0)


class EmptyBatches(Callback):
    """Notes whether a batch without images moved anything."""

    def __init__(self) -> None:
        self.moved: list[bool] = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self.before = {name: tensor.clone() for name, tensor in pl_module.state_dict().items()}

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if not len(batch["label"]):
            now = pl_module.state_dict()
            self.moved.append(any(not torch.equal(now[name], tensor) for name, tensor in self.before.items()))


def break_files(faces: Path, folder: Path, good: int, bad: int) -> Path:
    """A data root of so many good and bad files of each class."""
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True)
        for i, file in enumerate(sorted((faces / label).rglob("*.jpg"))[: good + bad]):
            content = file.read_bytes()
            (folder / label / f"{i}.jpg").write_bytes(content if i < good else content[:100])
    return folder


@pytest.mark.parametrize("settings", [{"optimizer": "sgd", "weight_decay": 0.1}, {"optimizer": "adamw"}])
def test_an_emptied_batch_moves_no_weight(tmp_path, generated_faces, settings):
    watch = EmptyBatches()
    trainer = quiet_trainer(tmp_path, callbacks=[watch], limit_val_batches=0)
    trainer.fit(
        tiny_detector(**settings), faces_data(break_files(generated_faces, tmp_path / "f", 10, 10), batch_size=1)
    )
    assert len(watch.moved) > 5
    assert not any(watch.moved)


def test_nothing_readable_to_test_on_is_an_error(tmp_path, generated_faces):
    data = faces_data(break_files(generated_faces, tmp_path / "f", 0, 10))
    detector = tiny_detector()
    detector.load_state_dict(tiny_detector().state_dict())
    with pytest.raises(TrainingError, match=r"No image .*test.* could be read; see skipped\.csv"):
        quiet_trainer(tmp_path, callbacks=[]).test(detector, data)


@pytest.mark.slow
def test_a_compiled_fit_leaves_an_ordinary_checkpoint(tmp_path, generated_faces):
    detector = DeepfakeDetector("resnet18", weights="none", compile=True)
    trainer = quiet_trainer(tmp_path, callbacks=[], limit_train_batches=2, limit_val_batches=1)
    trainer.fit(detector, faces_data(generated_faces))
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    plain = DeepfakeDetector.load_from_checkpoint(tmp_path / "x.ckpt", weights_only=True).eval()
    pixels = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    detector.eval()
    with torch.no_grad():
        torch.testing.assert_close(plain(pixels), detector(pixels), atol=1e-4, rtol=0)
    assert not any("_orig_mod" in name for name in plain.state_dict())


def python_trainer(folder: Path, **settings: Any) -> Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "max_epochs": 1, "limit_train_batches": 2}
    return Trainer(accelerator="cpu", default_root_dir=str(folder), **quiet | settings)


def test_public_api_with_lightnings_defaults(tmp_path, generated_faces):
    trainer = python_trainer(tmp_path)
    data = dfdetect.DeepfakeDataModule(root=str(generated_faces), image_size=32, num_workers=0)
    trainer.fit(dfdetect.DeepfakeDetector(weights="none"), data)
    assert 0 <= trainer.callback_metrics["val/auroc"] <= 1
    file = trainer.checkpoint_callback.best_model_path  # type: ignore[union-attr]
    assert dfdetect.DeepfakeDetector.load_from_checkpoint(file, weights_only=True).facts["split"]["n_test"] == 36


def test_public_api_with_all_callbacks(tmp_path, generated_faces):
    trainer = python_trainer(tmp_path, callbacks=dfdetect.default_callbacks())
    detector = dfdetect.DeepfakeDetector("resnet18", weights="none")
    data = dfdetect.DeepfakeDataModule(root=str(generated_faces), image_size=32, num_workers=0)
    trainer.fit(detector, data)
    results = trainer.test(detector, data, verbose=False)
    run = Path(str(trainer.log_dir))
    assert 0 <= results[0]["test/auroc"] <= 1
    expected = {"metrics.json", "predictions.csv", "roc.png", "split.csv", "curves.png", "checkpoints"}
    assert expected <= {path.name for path in run.iterdir()}
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}


def test_scores_do_not_depend_on_the_trainers_precision(tmp_path, generated_faces):
    """In bfloat16 they would be off by hundredths, and threshold and temperature chosen for another network."""
    data = faces_data(generated_faces)
    detector = tiny_detector(lr=1e-2)
    trainer = quiet_trainer(tmp_path, callbacks=[], max_epochs=1, precision="bf16-mixed")
    trainer.fit(detector, data)
    index, _, margin = detector.predictions.compute()
    with torch.no_grad():
        images = {
            int(place): image
            for batch in data.val_dataloader()
            for place, image in zip(batch["index"], batch["image"], strict=True)
        }
        pixels = torch.stack([images[int(place)] for place in index])
        exact = margin_of(detector.eval()(pixels))
        with torch.autocast("cpu", torch.bfloat16):
            rounded = margin_of(detector(pixels))
    torch.testing.assert_close(margin, exact, atol=1e-5, rtol=1e-5)
    assert (rounded - exact).abs().max() > 1e-4  # so it would have shown
