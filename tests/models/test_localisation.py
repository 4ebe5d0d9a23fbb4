"""Learning where fakes were forged: the loss by its closed form, what it is refused for, and that it is learned."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from dfdetect.errors import UsageError
from dfdetect.models.backbones import get_backbone
from dfdetect.models.cost import parameter_count
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


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"localisation": -1.0}, r"model\.localisation is at least 0"),
        ({"localisation": 1.0, "mixing": "mixup"}, r"model\.localisation and model\.mixing"),
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
    groups = detector.configure_optimizers().param_groups
    assert detector.locator is not None
    assert any(one is detector.locator.layer.weight for one in groups[0]["params"])
    assert sum(len(group["params"]) for group in groups) == len(list(detector.parameters()))


def test_a_fit_learns_where_faces_were_blended_and_its_checkpoint_is_whole(generated_faces, tmp_path):
    marks = write_landmarks(tmp_path / "marks.npz", generated_faces)
    torch.manual_seed(0)
    detector = tiny_detector(localisation=1.0, lr=1e-2)
    data = faces_data(generated_faces, blending=["face"], landmarks=str(marks), augment=[])
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
