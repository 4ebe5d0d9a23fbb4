"""The registry builds what it says: features, normalisation, sizes, and torchvision's own figures."""

import pickle

import pytest
import torch
import torchvision
from torchvision.models.vision_transformer import interpolate_embeddings

from dfdetect.data.samples import CLASS_NAMES
from dfdetect.errors import UsageError
from dfdetect.models.backbones import BACKBONES, get_backbone
from dfdetect.models.layers import LinearHead, Normalise, PooledLinearHead
from dfdetect.models.torchvision_networks import AnySizeTransformer
from tests.fits import tiny_detector

NAMES = sorted(name for name in BACKBONES if name != "tiny")
WITHOUT_A_MAP = {"vit_b_16", "convnext_tiny"}


@pytest.mark.parametrize("name", NAMES)
def test_features_have_the_channels_and_the_form_it_says(name):
    spec = get_backbone(name)
    with torch.device("meta"):
        features = spec.build().eval()(torch.empty(2, 3, 64, 64))
    assert features.shape == ((2, spec.channels) if name in WITHOUT_A_MAP else (2, spec.channels, 2, 2))
    assert spec.form == ("vector" if name in WITHOUT_A_MAP else "map")


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_torchvisions_but_for_the_head(name):
    spec = get_backbone(name)
    with torch.device("meta"):
        whole = getattr(torchvision.models, name)().state_dict()
        own = spec.build().state_dict()
    carried = {
        key.removeprefix(spec.prefix): t.shape for key, t in whole.items() if not key.startswith(spec.head_prefix)
    }
    assert carried == {key: tensor.shape for key, tensor in own.items()}


@pytest.mark.parametrize("name", NAMES)
def test_normalises_as_torchvisions_weights_do(name):
    spec = get_backbone(name)
    pixels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    mean, std = spec.normalisation()
    expected = torchvision.transforms.functional.normalize(pixels / 255, mean, std)
    torch.testing.assert_close(Normalise(mean, std)(pixels), expected, atol=1e-5, rtol=0)
    assert (mean, std) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@pytest.mark.parametrize("name", NAMES)
def test_input_size_is_that_of_torchvisions_pictures(name):
    spec = get_backbone(name)
    assert spec.weights.transforms()(torch.zeros(3, 500, 500)).shape[-1] == spec.input_size
    assert spec.input_size == (384 if name == "efficientnet_v2_s" else 224)


@pytest.mark.parametrize(("name", "said"), [
    ("vgg", r"'vgg'.*convnext_tiny.*mobilenet_v2.*resnet18.*timm:NAME"),
    ("efficientnet", "did you mean efficientnet_b0"),
])  # fmt: skip
def test_unknown_backbone_is_refused_with_the_list(name, said):
    with pytest.raises(UsageError, match=said):
        tiny_detector(backbone=name)


def test_fake_is_the_second_class():
    assert CLASS_NAMES == ("real", "fake")


def transformers(size: int) -> tuple[AnySizeTransformer, torch.nn.Module]:
    """A small one of ours, built for 32 pixels, and torchvision's for another size, with weights interpolated to it."""
    torch.manual_seed(0)
    shape = {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32, "num_classes": 3}
    own = AnySizeTransformer(32, **shape).eval()
    torchvisions = torchvision.models.VisionTransformer(size, **shape).eval()
    torchvisions.load_state_dict(interpolate_embeddings(size, 8, own.state_dict().copy()))
    torchvisions.heads = torch.nn.Identity()
    return own, torchvisions


@pytest.mark.parametrize("size", [32, 16, 40, 64])
def test_transformer_at_another_size_is_torchvisions_with_interpolated_positions(size):
    own, torchvisions = transformers(size)
    pixels = torch.randn(2, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(own(pixels), torchvisions(pixels), atol=1e-5, rtol=1e-5)


def test_a_size_that_no_patches_fill_is_refused_before_anything_is_computed():
    with pytest.raises(UsageError, match=r"vit_b_16 takes no pictures of 225 pixels .*multiple of 16.*image_size 224"):
        get_backbone("vit_b_16").check_size("vit_b_16", 225)
    get_backbone("vit_b_16").check_size("vit_b_16", 384)
    get_backbone("resnet18").check_size("resnet18", 225)


@pytest.mark.parametrize("name", NAMES)
def test_depths_rise_from_stem_to_head(name):
    spec = get_backbone(name)
    with torch.device("meta"):
        network = spec.build()
    depths, top = spec.depths(network)
    assert list(depths) == [name for name, _ in network.named_parameters()]
    first = {"vit_b_16": "class_token", "convnext_tiny": "features.0.0.weight", "resnet18": "conv1.weight"}
    assert depths[first.get(name, "0.0.weight")] == 0
    in_order = list(depths.values())
    assert max(in_order) == (top if name in WITHOUT_A_MAP else top - 1)  # their last norm goes with the head
    if name != "vit_b_16":  # whose position embeddings are listed behind its stem's
        assert in_order == sorted(in_order)


def test_transformer_blocks_have_the_depths_of_beit():
    spec = get_backbone("vit_b_16")
    with torch.device("meta"):
        depths, top = spec.depths(spec.build())
    assert top == 13
    assert {depths[name] for name in ("class_token", "conv_proj.bias", "encoder.pos_embedding")} == {0}
    for block in range(12):
        assert depths[f"encoder.layers.encoder_layer_{block}.mlp.0.weight"] == block + 1
    assert depths["encoder.ln.weight"] == 13


def test_a_map_gets_a_pooling_head_and_a_vector_none():
    torch.manual_seed(0)
    pooled, plain = PooledLinearHead(4, dropout=0.0), LinearHead(4, dropout=0.0)
    plain.load_state_dict(pooled.state_dict())
    features = torch.randn(3, 4, 2, 2)
    torch.testing.assert_close(pooled(features), plain(features.flatten(2).mean(dim=2)))


def test_a_description_can_go_to_another_process():
    for name in NAMES:
        assert pickle.loads(pickle.dumps(get_backbone(name))) == get_backbone(name)
