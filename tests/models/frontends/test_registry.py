"""What all front-ends keep to: shape, scale, gradients, nothing learnt."""

import pytest
import torch

from dfdetect.errors import UsageError
from dfdetect.models.frontends.registry import FRONTENDS, build_frontend, channels_of
from tests.models.frontends.pictures import faces, tensor_of

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.mark.parametrize("name", [*FRONTENDS, "rgb+srm", "npr+rgb+spectrum"])
def test_channels_are_those_it_says_at_about_unit_scale(name):
    pixels = tensor_of(faces(96, 96, 4)).to(torch.uint8)
    seen = build_frontend(name, MEAN, STD)(pixels)
    assert seen.shape == (4, channels_of(name), 96, 96)
    assert seen.dtype == torch.float32
    for channel in seen.unbind(dim=1):
        assert 0.2 < channel.std() < 3
        assert channel.mean().abs() < 2
    torch.testing.assert_close(seen, build_frontend(name, MEAN, STD)(pixels.float()))


@pytest.mark.parametrize("name", FRONTENDS)
def test_gradients_reach_the_pixels_and_nothing_learns(name):
    frontend = build_frontend(name, MEAN, STD)
    pixels = tensor_of(faces(32, 32)).requires_grad_()
    seen = frontend(pixels)
    (seen * torch.randn_like(seen)).sum().backward()
    assert pixels.grad is not None
    assert torch.isfinite(pixels.grad).all()
    assert (pixels.grad != 0).float().mean() > 0.1
    assert not list(frontend.parameters())


@pytest.mark.parametrize("name", FRONTENDS)
def test_a_picture_is_seen_alike_alone_and_among_others(name):
    frontend, pixels = build_frontend(name, MEAN, STD), tensor_of(faces(32, 32, 3))
    torch.testing.assert_close(frontend(pixels)[1:2], frontend(pixels[1:2]), atol=1e-4, rtol=1e-4)


def test_channels_come_in_the_order_of_their_names():
    pixels = tensor_of(faces(32, 32))
    both = build_frontend("phase+rgb", MEAN, STD)(pixels)
    torch.testing.assert_close(both[:, 1:], build_frontend("rgb", MEAN, STD)(pixels))
    torch.testing.assert_close(both[:, :1], build_frontend("phase", MEAN, STD)(pixels))


def test_autocast_leaves_what_is_seen_in_float32():
    frontend, pixels = build_frontend("srm+spectrum", MEAN, STD), tensor_of(faces(32, 32))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(frontend(pixels), build_frontend("srm+spectrum", MEAN, STD)(pixels))
    assert torch.equal(frontend(pixels), build_frontend("srm+spectrum", MEAN, STD)(pixels))


@pytest.mark.parametrize(("name", "said"), [
    ("rgb+srn", "'srn' is unknown; there are: rgb, srm.*did you mean srm"),
    ("", "'' is unknown"),
    ("srm+rgb+srm", "twice"),
])  # fmt: skip
def test_what_is_no_front_end_is_refused(name, said):
    with pytest.raises(UsageError, match=said):
        build_frontend(name, MEAN, STD)
