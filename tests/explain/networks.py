"""Small networks of several builds, in evaluation mode, with random weights."""

import torch
import torch.nn.functional as F
from torch import nn

from dfdetect.models.layers import PooledLinearHead


class Pooled(nn.Module):
    """Features, and the head that the framework's own detectors have."""

    def __init__(self, features: nn.Module, head: PooledLinearHead) -> None:
        super().__init__()
        self.features, self.head = features, head

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features(pixels))
        return logits


def convolutional() -> Pooled:
    torch.manual_seed(0)
    features = nn.Sequential(nn.Conv2d(3, 6, 3, stride=4, padding=1), nn.ReLU(inplace=True), nn.Conv2d(6, 9, 3, 2, 1))
    return Pooled(features, PooledLinearHead(9, 0.1)).eval()


class Attention(nn.Module):
    """Two heads, its softmax as a module that sees maps of tokens by tokens."""

    def __init__(self, width):
        super().__init__()
        self.qkv, self.softmax, self.proj = nn.Linear(width, 3 * width), nn.Softmax(dim=-1), nn.Linear(width, width)

    def forward(self, tokens):
        n, t, c = tokens.shape
        q, k, v = self.qkv(tokens).reshape(n, t, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        mixed = self.softmax(q @ k.transpose(-2, -1) / (c // 2) ** 0.5) @ v
        return self.proj(mixed.transpose(1, 2).reshape(n, t, c))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(width), Attention(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens):
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class TinyVit(nn.Module):
    """A vision transformer on 32 x 32 pixels in 4 x 4 patches, answering by its first token or by their mean."""

    def __init__(self, prefix=1, pooled=False, width=8):
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.prefix = nn.Parameter(torch.randn(1, prefix, width))
        self.place = nn.Parameter(torch.randn(1, prefix + 16, width))
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.norm, self.head, self.pooled = nn.LayerNorm(width), nn.Linear(width, 2), pooled
        self.eval()

    def forward(self, pixels):
        tokens = self.patches(pixels / 255).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.prefix.expand(len(tokens), -1, -1), tokens], dim=1) + self.place
        tokens = self.norm(self.blocks(tokens))
        return self.head(tokens.mean(dim=1) if self.pooled else tokens[:, 0])


class ChannelsLast(nn.Module):
    """As Swin: (N, h, w, C) until the mean."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.patches, self.norm, self.head = nn.Conv2d(3, 7, 8, 8), nn.LayerNorm(7), nn.Linear(7, 2)
        self.eval()

    def forward(self, pixels):
        maps = self.norm(F.gelu(self.patches(pixels / 255)).permute(0, 2, 3, 1))
        return self.head(maps.mean(dim=(1, 2)))


def hooks_of(network: nn.Module) -> int:
    """How many hooks all modules together have."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in network.modules() for kind in kinds)
