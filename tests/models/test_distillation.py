"""Learning from a teacher: the loss by its closed form, and a student that follows its teacher."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch import seed_everything

from dfdetect.errors import CheckpointError, UsageError
from dfdetect.models import layers
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.distillation import Teacher, distillation_loss, same_teacher
from tests.fits import faces_data, quiet_trainer, tiny_detector


def test_loss_is_the_divergence_of_both_classes():
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(7, 2, generator=generator), torch.randn(7, 2, generator=generator)
    temperature = 3.0
    wanted = temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, 1), F.softmax(teacher / temperature, 1), reduction="batchmean"
    )
    found = distillation_loss(layers.margin_of(student), layers.margin_of(teacher), temperature)
    torch.testing.assert_close(found, wanted)
    assert distillation_loss(torch.ones(3), torch.ones(3), 2.0).abs() < 1e-6


def test_gradient_keeps_its_size_at_high_temperatures():
    margin = torch.tensor([0.5], requires_grad=True)
    slopes = [
        torch.autograd.grad(distillation_loss(margin, torch.tensor([-0.5]), temperature), margin)[0].item()
        for temperature in (10.0, 100.0)
    ]
    assert slopes[0] == pytest.approx(slopes[1], rel=0.01)
    assert slopes[0] == pytest.approx(0.25, rel=0.01)  # a quarter of the difference of the margins


@pytest.fixture(scope="module")
def teacher(tmp_path_factory, generated_faces) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    seed_everything(5)
    trainer = quiet_trainer(folder, callbacks=[])
    detector = tiny_detector()
    trainer.fit(detector, faces_data(generated_faces))
    with torch.no_grad():  # a decided one
        detector.head.linear.weight.mul_(30)
    trainer.save_checkpoint(folder / "teacher.ckpt")
    return Path(folder / "teacher.ckpt")


def fit(root, folder, **settings):
    seed_everything(1)
    detector = tiny_detector(lr=3e-3, **settings)
    trainer = quiet_trainer(folder, callbacks=[], max_epochs=8)
    trainer.fit(detector, faces_data(root, augment=[]))
    trainer.save_checkpoint(folder / "student.ckpt")
    return detector.eval()


def test_a_student_answers_more_like_its_teacher_than_one_without(teacher, generated_faces, tmp_path):
    file = str(teacher)
    taught = fit(generated_faces, tmp_path / "a", teacher=file, teacher_share=1.0)
    alone = fit(generated_faces, tmp_path / "b")
    master = DeepfakeDetector.load_from_checkpoint(file).eval()
    data = faces_data(generated_faces)
    data.setup("validate")
    with torch.no_grad():
        images = torch.cat([batch["image"] for batch in data.val_dataloader()])
        said = [layers.margin_of(one(images)).numpy() for one in (master, taught, alone)]
    likeness = [float(np.corrcoef(said[0], own)[0, 1]) for own in said[1:]]
    assert likeness[0] > 0.5
    assert likeness[0] > likeness[1] + 0.1
    # its checkpoint is its own: no weights of the teacher are in it, and it needs no teacher to be used
    loaded = DeepfakeDetector.load_from_checkpoint(tmp_path / "a" / "student.ckpt")
    assert set(loaded.state_dict()) == set(tiny_detector().state_dict())


def test_the_teacher_does_not_learn(teacher, generated_faces, tmp_path, monkeypatch):
    kept: list[Teacher] = []
    own = Teacher.margin

    def margin(self, pixels):
        kept.append(self)
        return own(self, pixels)

    monkeypatch.setattr(Teacher, "margin", margin)
    fit(generated_faces, tmp_path, teacher=str(teacher))
    before = DeepfakeDetector.load_from_checkpoint(teacher).state_dict()
    after = kept[-1].detector.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert len({id(one) for one in kept}) == 1


def test_a_teacher_of_another_split_or_of_other_pixels_is_refused(teacher, generated_faces, tmp_path):
    def trained_with(**data):
        trainer = quiet_trainer(tmp_path, callbacks=[])
        trainer.fit(tiny_detector(teacher=str(teacher)), faces_data(generated_faces, **data))

    with pytest.raises(CheckpointError, match="another split"):
        trained_with(split_seed=1)
    with pytest.raises(CheckpointError, match="image_size: trained with 32, now 24"):
        trained_with(image_size=24)
    trained_with(split_seed=1, allow_new_split=True)


def test_a_missing_teacher_is_named(generated_faces, tmp_path):
    with pytest.raises(CheckpointError, match=r"nobody\.ckpt: no such checkpoint"):
        quiet_trainer(tmp_path, callbacks=[]).fit(tiny_detector(teacher="nobody.ckpt"), faces_data(generated_faces))


@pytest.mark.parametrize("settings", [{"teacher_share": 0}, {"teacher_share": 1.1}, {"teacher_temperature": 0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        tiny_detector(**settings)


def test_a_fit_does_not_go_on_with_another_teacher(teacher, tmp_path):
    first = same_teacher(str(teacher), None)
    assert same_teacher(str(teacher), first) == first
    other = tmp_path / "other.ckpt"
    other.write_bytes(teacher.read_bytes() + b" ")
    with pytest.raises(CheckpointError, match="not the file that this fit began with"):
        same_teacher(str(other), first)


def test_a_teacher_of_nobody_knows_what_is_refused(teacher, generated_faces):
    detector = DeepfakeDetector.load_from_checkpoint(teacher)
    detector.facts["split"] = None
    with pytest.raises(CheckpointError, match="nobody knows what"):
        Teacher(detector, "t.ckpt", faces_data(generated_faces))
