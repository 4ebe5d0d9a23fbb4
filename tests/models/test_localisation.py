"""Learning where fakes were forged: the loss by its closed form, what it is refused for, and that it is learned."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from dfdetect.errors import UsageError
from dfdetect.explain.randomised import randomise
from dfdetect.models.backbones import get_backbone
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.cost import load_detector, parameter_count
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.localisation import Locator
from tests.data.blending.faces import write_landmarks
from tests.fits import faces_data, quiet_trainer, tiny_detector


@pytest.fixture
def locator():
    torch.manual_seed(0)
    return Locator(get_backbone("tiny"), "tiny")


def examples():
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(3, 16, 4, 4, generator=generator)
    forged = torch.zeros(3, 16, 16, dtype=torch.uint8)
    forged[0, :4, :4] = 255  # one place whole
    forged[0, 4:8, :1] = 255  # a quarter of one
    forged[2] = 255
    return features, forged


def test_loss_is_the_cross_entropy_of_forged_places_and_of_the_others_in_equal_parts(locator):
    features, forged = examples()
    located = torch.tensor([True, True, False])
    weight, bias = (one.detach().double().numpy() for one in (locator.layer.weight, locator.layer.bias))
    logits = np.einsum("nchw,oc->nhw", features.double().numpy(), weight[:, :, 0, 0]) + bias
    wanted = np.zeros((3, 4, 4))
    wanted[0, 0, 0], wanted[0, 1, 0] = 1, 0.75
    each = np.log1p(np.exp(-np.abs(logits))) + np.maximum(logits, 0) - logits * wanted
    parts = [(each * share)[:2].sum() / share[:2].sum() for share in (wanted, 1 - wanted)]
    assert locator.loss(features, forged, located).item() == pytest.approx(np.mean(parts), rel=1e-5)


def test_pictures_of_which_it_is_not_known_teach_nothing(locator):
    features, forged = examples()
    features.requires_grad_()
    locator.loss(features, forged, torch.tensor([True, True, False])).backward()
    assert features.grad is not None
    assert features.grad[:2].abs().sum() > 0
    assert features.grad[2].abs().sum() == 0
    nothing = locator.loss(features, forged, torch.zeros(3, dtype=torch.bool))
    assert nothing.item() == 0  # and still a part of the graph, which other ranks wait for
    nothing.backward()


def test_a_place_is_where_a_network_looks():
    """Of MobileNetV2 a place looks at what lies about its first pixel, of others at its patch."""
    forged = torch.zeros(1, 224, 224, dtype=torch.uint8)
    forged[:, 80:112, 48:80] = 255
    share = Locator(get_backbone("mobilenet_v2"), "mobilenet_v2").share_of_places(forged, 7)
    assert share.nonzero().tolist() == [[0, 0, 3, 2]]  # about (96, 64)
    patches = Locator(get_backbone("tiny"), "tiny").share_of_places(forged, 7)
    assert patches.nonzero().tolist() == [[0, 0, row, column] for row in (2, 3) for column in (1, 2)]
    whole = torch.full((1, 112, 112), 255, dtype=torch.uint8)
    assert torch.equal(Locator(get_backbone("resnet18"), "resnet18").share_of_places(whole, 4), torch.ones(1, 1, 4, 4))


@pytest.mark.slow
def test_the_target_lies_where_the_gradient_says_that_a_place_looks():
    detector = DeepfakeDetector(weights="none", localisation=1.0).eval()
    assert detector.locator is not None
    pixels = torch.full((1, 3, 224, 224), 120.0).normal_(120, 40).requires_grad_()
    (gradient,) = torch.autograd.grad(detector.features(pixels)[:, :, 3, 2].sum(), pixels)
    seen = gradient.abs().sum(1)[0]
    at = torch.arange(224.0)
    middle = [float((seen.sum(1 - axis) * at).sum() / seen.sum()) for axis in (0, 1)]
    targets = torch.zeros(49, 224, 224, dtype=torch.uint8)
    for number in range(49):
        targets[number, number // 7 * 32 : number // 7 * 32 + 8, number % 7 * 32 : number % 7 * 32 + 8] = 255
    share = detector.locator.share_of_places(targets, 7)[:, 0, 3, 2]
    number = int(share.argmax())  # the spot that counts most for this place
    assert abs(number // 7 * 32 + 4 - middle[0]) < 12
    assert abs(number % 7 * 32 + 4 - middle[1]) < 12


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"localisation": -1.0}, r"model\.localisation is at least 0"),
        ({"localisation": 1.0, "mixing": "mixup"}, r"model\.localisation and model\.mixing"),
        ({"localisation": 1.0, "tune": "head"}, r"model\.localisation teaches the backbone"),
        ({"localisation": 1.0, "backbone": "vit_b_16"}, "those of vit_b_16 are one vector"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        DeepfakeDetector(**settings)


def test_a_detector_costs_what_it_would_without(tmp_path):
    plain, locating = tiny_detector(), tiny_detector(localisation=1.0)
    assert parameter_count(locating) == parameter_count(plain) == sum(p.numel() for p in plain.parameters())
    assert set(locating.state_dict()) - set(plain.state_dict()) == {"locator.layer.weight", "locator.layer.bias"}


def test_layers_learn_at_rates_of_their_own_with_it(tmp_path):
    detector = DeepfakeDetector(weights="none", localisation=1.0, layer_decay=0.7, optimizer="sgd")
    optimizer: Any = detector.configure_optimizers()
    groups = optimizer.param_groups
    assert detector.locator is not None
    assert any(one is detector.locator.layer.weight for one in groups[0]["params"])
    assert sum(len(group["params"]) for group in groups) == len(list(detector.parameters()))


def test_a_fit_learns_where_faces_were_blended_and_its_checkpoint_is_whole(generated_faces, tmp_path):
    marks = write_landmarks(tmp_path / "marks.npz", generated_faces)
    torch.manual_seed(0)
    detector: Any = tiny_detector(localisation=1.0, lr=1e-2)
    data: Any = faces_data(generated_faces, blending=["face"], landmarks=str(marks), augment=[])
    trainer = quiet_trainer(tmp_path, callbacks=[], max_epochs=6)
    losses = []
    detector.on_train_epoch_end = lambda: losses.append(float(trainer.callback_metrics["train/localisation"]))
    trainer.fit(detector, data)
    assert losses[0] < 0.75
    assert losses[-1] < losses[0] - 0.05
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    loaded = DeepfakeDetector.load_from_checkpoint(tmp_path / "one.ckpt")
    assert loaded.locator is not None
    torch.testing.assert_close(loaded.locator.layer.weight, detector.locator.layer.weight)
    with torch.no_grad():
        pixels = data.datasets["train"][0]["image"][None]
        assert functional.softmax(loaded.eval()(pixels), 1).shape == (1, 2)
    judging = load_detector(read_detector_checkpoint(tmp_path / "one.ckpt"))
    assert judging.locator is None
    with torch.no_grad():
        assert torch.equal(judging(pixels), loaded(pixels))
    again = tiny_detector(weights=str(tmp_path / "one.ckpt"))  # all of it but what stands behind the backbone
    again.load_initial_weights()
    for name, tensor in again.backbone.state_dict().items():
        assert torch.equal(tensor, loaded.backbone.state_dict()[name])
    checkpoint = read_detector_checkpoint(tmp_path / "one.ckpt")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    changed = randomise(checkpoint, 0.0, 1, pictures)["state_dict"]  # the layer next to the answer is the head's
    assert {name for name in changed if not torch.equal(changed[name], checkpoint["state_dict"][name])} == {
        "head.linear.weight",
        "head.linear.bias",
    }


def test_batches_of_another_data_module_are_refused(tmp_path):
    item: Any = {"image": torch.zeros(3, 32, 32, dtype=torch.uint8), "label": 0, "index": 0}
    batches: Any = DataLoader([item] * 4, batch_size=2)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="learns from batches of DeepfakeDataModule"):
        quiet_trainer(tmp_path, callbacks=[]).fit(tiny_detector(localisation=1.0), batches, batches)
