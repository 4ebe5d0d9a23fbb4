"""The images shown each epoch are always the same, and what is shown of them is what the network sees."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure
from torch import nn

from dfdetect.callbacks.overlays import (
    ShownImages,
    look,
    order_by_fingerprint,
    overlay_figure,
    shown_images,
)
from dfdetect.callbacks.tensorboard import TensorBoardFigures
from dfdetect.data.samples import Samples
from dfdetect.deploy.export.network import ExportNetwork
from dfdetect.errors import UsageError
from dfdetect.evaluation.plain_words import cut
from dfdetect.explain.gradients import GradientExplainer
from dfdetect.models.detector import DeepfakeDetector
from tests.callbacks.test_tensorboard import read_events
from tests.fits import faces_data, quiet_trainer, tiny_detector


@pytest.fixture(scope="module")
def validation(generated_faces):
    """The validation part of the generated faces, and its fingerprint."""
    data = faces_data(generated_faces)
    data.setup("fit")
    return data.datasets["val"], data.part_fingerprint("val")


@pytest.fixture
def show(validation) -> Callable[[int], ShownImages]:
    """Chooses so many of them."""
    return partial(shown_images, *validation)


@pytest.fixture
def detector(fitted_run) -> DeepfakeDetector:
    return DeepfakeDetector.load_from_checkpoint(fitted_run / "checkpoints/best.ckpt", weights_only=True)


def test_half_of_them_real_and_the_fakes_of_every_source(validation):
    dataset, fingerprint = validation
    shown = shown_images(dataset, fingerprint, 8)
    assert shown.label.tolist() == [0, 1] * 4
    assert len(set(shown.names)) == 8
    assert {name.split("/")[1] for name in shown.names[1::2]} == {"part_swap", "upsampled", "smoothed"}
    for name, label, pixels in zip(shown.names, shown.label, shown.pixels, strict=True):
        row = dataset.samples.paths.index(name)
        assert dataset.samples.labels[row] == label
        assert np.array_equal(pixels, dataset.pixels(row))


@pytest.mark.parametrize(("most", "labels"), [(1, [0]), (3, [0, 1, 0]), (32, [0, 1] * 16)])
def test_as_many_as_asked_for(most, labels, show):
    assert show(most).label.tolist() == labels


def test_another_split_shows_others_and_the_same_one_the_same_wherever_it_lies(validation, generated_faces, tmp_path):
    dataset, fingerprint = validation
    names = shown_images(dataset, fingerprint, 8).names
    shutil.copytree(generated_faces, tmp_path / "moved")
    moved = faces_data(tmp_path / "moved", image_size=48)
    moved.setup("fit")
    assert shown_images(moved.datasets["val"], moved.part_fingerprint("val"), 8).names == names
    other = faces_data(generated_faces, split_seed=1)
    other.setup("fit")
    assert shown_images(other.datasets["val"], other.part_fingerprint("val"), 8).names != names
    assert shown_images(dataset, "another", 8).names != names


def test_sources_take_turns_and_small_ones_run_out(tmp_path):
    sources = ["big"] * 50 + ["small"] * 2 + ["one"] + ["real"] * 9
    paths = [f"{source}/{i}.jpg" for i, source in enumerate(sources)]
    labels = np.array([int(source != "real") for source in sources], np.int8)
    samples = Samples(tmp_path, paths, labels, {"source": sources})
    rows = list(order_by_fingerprint(samples, 1, "f"))
    assert sorted(rows) == list(range(53))
    assert {sources[row] for row in rows[:3]} == {"big", "small", "one"}
    assert {sources[row] for row in rows[3:5]} == {"big", "small"}
    shuffled = samples.select(np.random.default_rng(0).permutation(len(samples)))
    assert [shuffled.paths[i] for i in order_by_fingerprint(shuffled, 1, "f")] == [paths[i] for i in rows]


def test_broken_files_are_passed_over(generated_faces, tmp_path):
    shutil.copytree(generated_faces, tmp_path / "faces")
    data = faces_data(tmp_path / "faces")
    data.setup("fit")
    dataset, fingerprint = data.datasets["val"], data.part_fingerprint("val")
    before = shown_images(dataset, fingerprint, 8).names
    (tmp_path / "faces" / before[0]).write_bytes(b"broken")
    after = shown_images(dataset, fingerprint, 8).names
    assert after[0:6:2] == before[2::2]
    assert after[1::2] == before[1::2]
    for path in dataset.samples.paths:
        (tmp_path / "faces" / path).unlink()
    none = shown_images(dataset, fingerprint, 8)
    assert (len(none), none.pixels.shape) == (0, (0, 32, 32, 3))


def test_the_evidence_is_that_of_an_exported_file_in_logits(detector, show):
    detector.facts["temperature"] = 2.5
    shown = show(6)
    found = look(detector, shown.pixels)
    p_fake, maps = found.p_fake, found.values
    with torch.inference_mode():
        expected, heatmap = ExportNetwork(detector).eval()(torch.from_numpy(shown.pixels).permute(0, 3, 1, 2))
    np.testing.assert_allclose(p_fake, expected.numpy(), atol=1e-6)
    np.testing.assert_allclose(maps, heatmap.numpy() / 2.5, atol=1e-5)
    real, fake = detector.head.linear.bias.detach().tolist()
    logit = np.log(p_fake / (1 - p_fake))
    np.testing.assert_allclose(maps.mean(axis=(1, 2)) + (fake - real) / 2.5, logit, atol=1e-4)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_autocast_changes_nothing(kind, detector, show):
    shown = show(6)
    exact = look(detector, shown.pixels)
    with torch.autocast("cpu", kind):
        again = look(detector, shown.pixels)
    assert again.values.dtype == np.float32
    np.testing.assert_array_equal(exact.p_fake, again.p_fake)
    np.testing.assert_array_equal(exact.values, again.values)


def test_whatever_the_precision_a_picture_has_the_score_of_its_validation(generated_faces, tmp_path, monkeypatch):
    drawn: dict[str, float] = {}

    def draw(pixels, maps, label, p_fake, names, title, **_):
        drawn.update(zip(names, p_fake.tolist(), strict=True))
        return Figure()

    monkeypatch.setattr("dfdetect.callbacks.overlays.evidence_figure", draw)
    detector, data = tiny_detector(), faces_data(generated_faces)
    settings: dict[str, Any] = {"precision": "bf16-mixed", "limit_train_batches": 2}
    quiet_trainer(tmp_path, callbacks=[TensorBoardFigures(overlays=6)], **settings).fit(detector, data)
    index, _, margin = detector.predictions.compute()
    paths = data.datasets["val"].samples.paths
    validated = dict(zip((paths[i] for i in index), detector.p_fake(margin).tolist(), strict=True))
    assert len(drawn) == 6
    for name, p_fake in drawn.items():
        assert p_fake == pytest.approx(validated[name], abs=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_looking_leaves_the_network_and_chance_as_they_were(training, detector, show):
    detector.train(training)
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    chance = torch.get_rng_state()
    look(detector, show(4).pixels)
    assert detector.training is training
    assert all(module.training is training for module in detector.backbone.modules())
    assert all(torch.equal(before[name], value) for name, value in detector.state_dict().items())
    assert torch.equal(chance, torch.get_rng_state())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in detector.parameters())


def test_a_compiled_network_is_not_compiled_anew_for_so_few_images(detector, show, monkeypatch):
    def refuse(*_):
        raise AssertionError("compiled")

    monkeypatch.setattr(detector.backbone, "_compiled_call_impl", refuse)
    with pytest.raises(AssertionError, match="compiled"):
        detector(torch.zeros(1, 3, 32, 32))
    assert len(look(detector, show(2).pixels)) == 2


def test_the_figure_says_truth_score_and_threshold(detector, show):
    detector.facts["threshold"] = 0.0
    shown = show(4)
    figure = overlay_figure(detector, shown, "Validation, epoch 3")
    titles = [axes.get_title() for axes in figure.axes[:4]]
    p_fake = look(detector, shown.pixels).p_fake
    assert titles[0] == f"real, called fake: p_fake {cut(p_fake[0])}"
    assert titles[3] == f"fake: p_fake {cut(p_fake[3])}"


def test_a_resumed_run_goes_on_with_the_same_images_at_each_step(generated_faces, tmp_path):
    figures, last = [TensorBoardFigures(overlays=4) for _ in range(2)], None
    for epochs, figure in enumerate(figures, start=1):
        logger = TensorBoardLogger(str(tmp_path), name="run", version=0, default_hp_metric=False)
        settings: dict[str, Any] = {"logger": logger, "precision": "bf16-mixed", "limit_train_batches": 2}
        trainer = quiet_trainer(tmp_path, callbacks=[figure], max_epochs=epochs, **settings)
        trainer.fit(tiny_detector(), faces_data(generated_faces), ckpt_path=last)
        last = str(tmp_path / "last.ckpt")
        trainer.save_checkpoint(last)
    first, second = (figure._shown for figure in figures)
    assert first is not None
    assert second is not None
    assert first.names == second.names
    events = read_events(tmp_path / "run/version_0")
    assert [image.step for image in events.Images("val/evidence")] == [2, 4]


def test_none_where_none_are_asked_for(generated_faces, tmp_path):
    trainer = quiet_trainer(tmp_path, callbacks=[TensorBoardFigures(overlays=0)], limit_train_batches=1)
    trainer.fit(tiny_detector(), faces_data(generated_faces))
    tags = read_events(tmp_path / "run/version_0").Tags()["images"]
    assert "val/roc" in tags
    assert "val/evidence" not in tags


class OtherHead(nn.Module):
    """A head that looks at the most of each channel: no map adds up to its score."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 2)

    def forward(self, features):
        return self.linear(features.amax(dim=(2, 3)))


@pytest.fixture
def other(detector: DeepfakeDetector) -> DeepfakeDetector:
    detector.head = cast(Any, OtherHead())
    return detector


def test_a_network_without_activation_maps_is_shown_by_grad_cam(other, show):
    shown = show(4)
    other.facts["temperature"] = 2.5
    other._frozen = True  # as long as the head alone learns
    with torch.inference_mode():  # as Lightning validates
        maps = look(other, shown.pixels)
        logits = other.eval()(torch.from_numpy(shown.pixels).permute(0, 3, 1, 2))
    margin = logits[:, 1] - logits[:, 0]
    np.testing.assert_allclose(maps.p_fake, torch.sigmoid(margin / 2.5).numpy(), atol=1e-6)
    explained = GradientExplainer(other, "gradcam", 2.5)
    other._frozen = False
    np.testing.assert_allclose(maps.values, explained(shown.pixels).values, atol=1e-6)
    assert np.abs(maps.values).max() > 0
    title = overlay_figure(other, shown, "Validation, epoch 3").get_suptitle()
    assert title.startswith("Validation, epoch 3, Grad-CAM")


@pytest.mark.parametrize("training", [True, False])
def test_grad_cam_leaves_the_network_as_it_was(training, other, show):
    test_looking_leaves_the_network_and_chance_as_they_were(training, other, show)
    assert not any(module._forward_hooks or module._backward_hooks for module in other.modules())


def test_grad_cam_of_flipped_pictures_is_that_of_the_mean_score(other, show):
    shown = show(2)
    mirrored = replace(shown, pixels=np.ascontiguousarray(shown.pixels[:, :, ::-1]))
    other.hparams["test_time_flip"] = True
    one, same = look(other, shown.pixels), look(other, mirrored.pixels)
    np.testing.assert_allclose(one.p_fake, same.p_fake, atol=1e-6)
    np.testing.assert_allclose(one.values, same.values[:, :, ::-1], atol=1e-4)
    assert one.grid.mirrored is True
    assert other.hparams["test_time_flip"] is True


def fit_other(generated_faces, folder, monkeypatch) -> list[str]:
    """Three epochs of a network without activation maps; what was said of overlays."""
    said: list[str] = []
    monkeypatch.setattr("dfdetect.callbacks.tensorboard.rank_zero_info", said.append)
    detector = tiny_detector()
    detector.head = cast(Any, OtherHead())
    trainer = quiet_trainer(folder, callbacks=[TensorBoardFigures()], max_epochs=3, limit_train_batches=1)
    trainer.fit(detector, faces_data(generated_faces))
    return said


def test_grad_cam_is_shown_each_epoch(generated_faces, tmp_path, monkeypatch):
    assert not fit_other(generated_faces, tmp_path, monkeypatch)
    assert [image.step for image in read_events(tmp_path / "run/version_0").Images("val/evidence")] == [1, 2, 3]


def test_without_grad_cam_that_is_said_once(generated_faces, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    said = fit_other(generated_faces, tmp_path, monkeypatch)
    assert len(said) == 1
    assert "tiny does not end in average pooling" in said[0]
    assert "pip install 'dfdetect[cam]'" in said[0]
    events = read_events(tmp_path / "run/version_0")
    assert [image.step for image in events.Images("val/evidence")] == [1]
    assert [image.step for image in events.Images("val/roc")] == [1, 2, 3]


@pytest.mark.parametrize("overlays", [-1, 33])
def test_a_number_out_of_range_is_refused(overlays):
    with pytest.raises(UsageError, match="from 0 to 32 images"):
        TensorBoardFigures(overlays=overlays)
