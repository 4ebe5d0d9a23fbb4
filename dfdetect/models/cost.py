"""What detectors cost: parameters, size of the file, time of one image on one thread of this machine's CPU."""

import time
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dfdetect.models.checkpoint import FACTS_KEY, read_detector_checkpoint, settings_of
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.localisation import LOCATOR

WARM_UP, ROUNDS = 3, 20


def load_detector(checkpoint: dict[str, Any]) -> DeepfakeDetector:
    """The detector of a checkpoint that `read_detector_checkpoint` gave, in evaluation mode on the CPU.

    It has no `locator`, with which it only learned.

    Raises:
        CheckpointError: its weights do not fit its settings, or one of these is not known.
    """
    detector = DeepfakeDetector(**settings_of(checkpoint, signature(DeepfakeDetector).parameters))
    detector.on_load_checkpoint(checkpoint)
    detector.load_state_dict(checkpoint["state_dict"])
    detector.locator = None
    return detector.eval()


def parameter_count(detector: nn.Module) -> int:
    """Of all that judges a picture; what a detector learns with besides is no part of its cost."""
    named = detector.named_parameters()
    return sum(parameter.numel() for name, parameter in named if not name.startswith(LOCATOR))


def measure_costs(files: Sequence[Path], timed: bool = True) -> list[dict[str, Any]]:
    """Facts and cost of each checkpoint.

    Args:
        files: checkpoints of dfdetect.
        timed: whether to measure time.

    Returns:
        Of each: backbone, frontend, image_size, parameters, megabytes (10^6 bytes, what the file holds for going on
        with the fit included), data_fingerprint and test_fingerprint of its training's data, and cpu_ms: milliseconds
        of one image, fp32, one thread, PyTorch eager, the fastest of 20, which other work on the machine moves least,
        the detectors taking turns; None where it is not `timed`.

    Raises:
        CheckpointError: a file that is none of ours, or damaged.
    """
    loaded = [read_detector_checkpoint(file) for file in files]
    detectors = [load_detector(checkpoint) for checkpoint in loaded]
    facts = [checkpoint[FACTS_KEY] for checkpoint in loaded]
    sizes = [int((own.get("preprocessing") or {}).get("image_size", 224)) for own in facts]
    seconds = take_turns(detectors, sizes) if timed else [None] * len(files)
    return [
        {
            "backbone": detector.hparams["backbone"],
            "frontend": detector.hparams["frontend"],
            "image_size": size,
            "parameters": parameter_count(detector),
            "megabytes": file.stat().st_size / 1e6,
            "data_fingerprint": (own.get("split") or {}).get("data_fingerprint"),
            "test_fingerprint": (own.get("split") or {}).get("test_fingerprint"),
            "cpu_ms": None if fastest is None else 1000 * fastest,
        }
        for file, detector, own, size, fastest in zip(files, detectors, facts, sizes, seconds, strict=True)
    ]


def take_turns(detectors: Sequence[DeepfakeDetector], sizes: Sequence[int]) -> list[float]:
    """Fewest seconds of one image, in turn, so that a machine that slows down does so for all alike.

    Args:
        detectors: in evaluation mode, on the CPU, where one thread is used.
        sizes: of each the side of its pictures in pixels.
    """
    images = [torch.randint(0, 256, (1, 3, size, size), dtype=torch.uint8) for size in sizes]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rounds = [[_seconds(*pair) for pair in zip(detectors, images, strict=True)] for _ in range(WARM_UP + ROUNDS)]
    finally:
        torch.set_num_threads(threads)
    return [min(own) for own in zip(*rounds[WARM_UP:], strict=True)]


def _seconds(detector: DeepfakeDetector, image: Tensor) -> float:
    with torch.inference_mode():
        start = time.perf_counter()
        detector(image)
        return time.perf_counter() - start
