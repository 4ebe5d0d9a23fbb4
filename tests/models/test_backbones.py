"""The registry builds what it says: feature maps, normalisation, and torchvision's own figures."""

import pytest
import torch
import torchvision

from dfdetect.data.samples import CLASS_NAMES
from dfdetect.errors import UsageError
from dfdetect.models.backbones import get_backbone
from dfdetect.models.layers import Normalise
from tests.fits import tiny_detector

BACKBONES = ["mobilenet_v2", "resnet18"]


@pytest.mark.parametrize("name", BACKBONES)
def test_feature_map_has_the_channels_it_says(name):
    spec = get_backbone(name)
    assert spec.build().eval()(torch.zeros(2, 3, 64, 64)).shape == (2, spec.channels, 2, 2)


@pytest.mark.parametrize("name", BACKBONES)
def test_parameters_are_torchvisions_but_for_the_head(name):
    spec = get_backbone(name)
    whole = getattr(torchvision.models, name)().state_dict()
    carried = {key.removeprefix(spec.prefix) for key in whole if not key.startswith(spec.head_prefix)}
    assert carried == set(spec.build().state_dict())


@pytest.mark.parametrize("name", BACKBONES)
def test_normalises_as_torchvisions_weights_do(name):
    spec = get_backbone(name)
    pixels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    mean, std = spec.normalisation()
    expected = torchvision.transforms.functional.normalize(pixels / 255, mean, std)
    torch.testing.assert_close(Normalise(mean, std)(pixels), expected, atol=1e-5, rtol=0)
    assert (mean, std) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def test_unknown_backbone_is_refused_with_the_list():
    with pytest.raises(UsageError, match=r"'vgg'.*mobilenet_v2.*resnet18"):
        tiny_detector(backbone="vgg")


def test_fake_is_the_second_class():
    assert CLASS_NAMES == ("real", "fake")
