"""torchvision's networks without their classifiers. Their parameters keep torchvision's names."""

import math
from collections import OrderedDict

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.vision_transformer import VisionTransformer
from torchvision.ops import StochasticDepth

from dfdetect.errors import UsageError
from dfdetect.models.layers import replace_strided_depthwise


def mobilenet_v2() -> nn.Module:
    """Feature map (N, 1280, H/32, W/32)."""
    features: nn.Module = replace_strided_depthwise(torchvision.models.mobilenet_v2().features)
    for block in features.modules():
        if getattr(block, "use_res_connect", False):
            block.conv.append(_drop())  # type: ignore[operator,union-attr]
    return features


def mobilenet_v3_large() -> nn.Module:
    """Feature map (N, 960, H/32, W/32): without the hidden layer that torchvision puts behind the pooling.

    That layer is part of torchvision's classifier. Without it the network ends in pooling and one linear layer, so it
    has a heatmap, and 1.2 million parameters fewer.
    """
    features: nn.Module = replace_strided_depthwise(torchvision.models.mobilenet_v3_large().features)
    for block in features.modules():
        if getattr(block, "use_res_connect", False):
            block.block.append(_drop())  # type: ignore[operator,union-attr]
    return features


def resnet18() -> nn.Module:
    """Feature map (N, 512, H/32, W/32)."""
    network = torchvision.models.resnet18()
    return nn.Sequential(
        OrderedDict((name, child) for name, child in network.named_children() if name not in ("avgpool", "fc"))
    )


def efficientnet_b0() -> nn.Module:
    """Feature map (N, 1280, H/32, W/32)."""
    return replace_strided_depthwise(torchvision.models.efficientnet_b0().features)


def efficientnet_v2_s() -> nn.Module:
    """Feature map (N, 1280, H/32, W/32)."""
    return replace_strided_depthwise(torchvision.models.efficientnet_v2_s().features)


def convnext_tiny() -> nn.Module:
    """Vector (N, 768): average pooling, then a LayerNorm, which is not linear over places, so there is no heatmap."""
    network = torchvision.models.convnext_tiny()
    network.classifier[2] = nn.Identity()
    return network  # type: ignore[no-any-return]


class AnySizeTransformer(VisionTransformer):  # type: ignore[misc]
    """torchvision's vision transformer for pictures of any size that its patches divide; ends in the class token.

    At another size than it was built for, the position embeddings are interpolated: bicubic, corners aligned, as
    torchvision's `interpolate_embeddings` does it.

    Source: Dosovitskiy et al., *An Image is Worth 16x16 Words*, ICLR 2021, section 3.2.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to the class token (N, C), normalised; raises `UsageError` for another size."""
        if x.shape[2] % self.patch_size or x.shape[3] % self.patch_size:
            raise UsageError(f"a side must be a multiple of {self.patch_size}")
        patches = self.conv_proj(x)
        positions = self._positions(patches.shape[2], patches.shape[3])
        tokens = torch.cat([self.class_token.expand(x.shape[0], -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        encoded: Tensor = self.encoder.ln(self.encoder.layers(self.encoder.dropout(tokens + positions)))
        return encoded[:, 0]

    def _positions(self, rows: int, columns: int) -> Tensor:
        """Position embeddings (1, 1 + rows x columns, C), the class token's first."""
        learnt: Tensor = self.encoder.pos_embedding
        side = math.isqrt(learnt.shape[1] - 1)
        if (rows, columns) == (side, side):
            return learnt
        grid = learnt[:, 1:].transpose(1, 2).reshape(1, -1, side, side)
        resized = functional.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=True)
        return torch.cat([learnt[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)


def vit_b_16() -> nn.Module:
    """Vector (N, 768): the class token, which attention pools, so there is no heatmap."""
    network = AnySizeTransformer(224, patch_size=16, num_layers=12, num_heads=12, hidden_dim=768, mlp_dim=3072)
    network.heads = nn.Identity()
    for block in network.encoder.layers:
        drop = _drop()  # one for both branches, so that they share a rate
        block.dropout = nn.Sequential(block.dropout, drop)
        block.mlp.append(drop)
    return network


def _drop() -> StochasticDepth:
    """Where a residual branch can be dropped; it has no parameters, and none is dropped until a rate is set."""
    return StochasticDepth(0.0, "row")
