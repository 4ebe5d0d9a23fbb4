import pytest
import torch
from torch import nn

from dfdetect.deploy.export.network import ChannelsLastNetwork, ExportNetwork, convolutions
from dfdetect.errors import ExportError
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.layers import margin_of
from tests.fits import tiny_detector


def drawn(backbone: str) -> DeepfakeDetector:
    torch.manual_seed(0)
    detector = DeepfakeDetector(backbone=backbone, weights="none").eval()
    detector.facts["temperature"] = 1.7
    nn.init.normal_(detector.head.linear.weight)
    nn.init.normal_(detector.head.linear.bias)
    return detector


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "resnet18"])
def test_it_gives_the_detectors_score_and_a_heatmap_whose_mean_is_the_margin(backbone):
    detector = drawn(backbone)
    pixels = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        margin = margin_of(detector(pixels))
        features = detector.backbone(detector.normalise(pixels))
        p_fake, heatmap = ExportNetwork(detector).eval()(pixels)
        direction = detector.head.linear.weight[1] - detector.head.linear.weight[0]
        wanted = torch.einsum("c,nchw->nhw", direction, features)
        bias = detector.head.linear.bias[1] - detector.head.linear.bias[0]
    torch.testing.assert_close(p_fake, detector.p_fake(margin), atol=1e-6, rtol=0)
    torch.testing.assert_close(heatmap, wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(heatmap.mean(dim=(1, 2)) + bias, margin, atol=1e-5, rtol=1e-5)


def test_pixels_may_lie_as_a_camera_gives_them():
    network = ExportNetwork(tiny_detector()).eval()
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        for one, other in zip(network(pixels), ChannelsLastNetwork(network)(pixels.permute(0, 2, 3, 1)), strict=True):
            torch.testing.assert_close(one, other)


def test_the_detector_keeps_its_own_head():
    detector = tiny_detector()
    before = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    ExportNetwork(detector).heatmap.weight.data.zero_()
    for name, tensor in detector.state_dict().items():
        torch.testing.assert_close(tensor, before[name])


def test_convolutions_come_in_the_order_in_which_they_run():
    resnet = convolutions(ExportNetwork(drawn("resnet18")).eval(), 64)
    assert resnet[0] == "backbone.conv1"
    assert resnet[-1] == "heatmap"
    assert len(resnet) == 21
    place = resnet.index("backbone.layer2.0.downsample.0")
    assert resnet[place - 1] == "backbone.layer2.0.conv2"  # it runs after the branch beside it, though built before


def test_another_head_is_refused_with_a_way_out():
    detector = tiny_detector()
    detector.head = nn.Flatten()  # type: ignore[assignment]
    with pytest.raises(ExportError, match=r"tiny cannot be exported.*mobilenet_v2"):
        ExportNetwork(detector)
