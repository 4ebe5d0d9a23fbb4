"""Mixing the images and labels of a training batch: mixup and cutmix."""

from typing import Literal

import torch
from torch import Tensor
from torchvision.transforms import v2

from dfdetect.data.samples import CLASS_NAMES

Mixing = Literal["mixup", "cutmix", "both"]


def mix(pixels: Tensor, label: Tensor, mixing: Mixing, alpha: float) -> tuple[Tensor, Tensor]:
    """Mix each image with another of its batch, with one share for all, drawn from Beta(alpha, alpha).

    Source: Zhang and others, *mixup: Beyond Empirical Risk Minimization*, ICLR 2018; Yun and others, *CutMix:
    Regularization Strategy to Train Strong Classifiers*, ICCV 2019. Random numbers are torch's global ones.

    Args:
        pixels: (B, 3, H, W) in 0..255, uint8 or float.
        label: (B,) 0 or 1.
        mixing: `both` tosses a coin for each batch.
        alpha: above 0; below 1 most pairs stay nearly unmixed, 1 makes all shares equally likely.

    Returns:
        Pixels (B, 3, H, W) float32, and the share of each class in each image, (B, 2) float32, in another order.
    """
    if mixing == "both":
        mixing = "mixup" if bool(torch.rand(()) < 0.5) else "cutmix"
    order = torch.randperm(len(label), device=label.device)  # neighbours in a balanced batch are of opposite classes
    kind = v2.MixUp if mixing == "mixup" else v2.CutMix
    mixed: tuple[Tensor, Tensor] = kind(num_classes=len(CLASS_NAMES), alpha=alpha)(pixels[order].float(), label[order])
    return mixed
