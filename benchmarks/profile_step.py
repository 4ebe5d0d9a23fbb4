"""Where a training step's time goes: shares of the costliest operations, by torch's profiler, on one CPU thread.

python benchmarks/profile_step.py [--backbone mobilenet_v2] [--batch-size 16]

It also times the backward passes of MobileNetV2's strided depthwise convolutions by themselves, in both precisions: why
`StridedDepthwiseConv2d` computes in float32.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from dfdetect.models.detector import DeepfakeDetector
from dfdetect.process import prepare_process

STRIDED_DEPTHWISE = ((96, 112), (144, 56), (192, 28), (576, 14))


def profile(backbone: str, batch_size: int) -> None:
    """Print the costliest operations of one warm step in bf16-mixed."""
    detector = DeepfakeDetector(backbone, weights="none").train()
    optimizer = torch.optim.Adam(detector.parameters(), lr=1e-4)
    images = torch.randint(0, 256, (batch_size, 3, 224, 224), dtype=torch.uint8)
    labels = torch.arange(batch_size) % 2

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = nn.functional.cross_entropy(detector(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    for _ in range(3):
        step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as recorded:
        step()
    events = sorted(recorded.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    print(f"{backbone}: {total / 1000:.0f} ms for {batch_size} images, one thread")
    for event in events[:8]:
        print(f"  {event.self_cpu_time_total / total:6.1%}  {event.key}")


def depthwise_backward(channels: int, size: int, dtype: torch.dtype, batch_size: int, repeats: int = 5) -> float:
    """Milliseconds of the backward pass of a 3 x 3 depthwise convolution with stride 2 on a square feature map."""
    layer = nn.Conv2d(channels, channels, 3, 2, 1, groups=channels, bias=False, dtype=dtype)
    layer = layer.to(memory_format=torch.channels_last)
    features = torch.randn(batch_size, channels, size, size, dtype=dtype)
    features = features.to(memory_format=torch.channels_last).requires_grad_()
    seconds = []
    for _ in range(repeats + 1):
        result = layer(features)
        start = time.perf_counter()
        torch.autograd.grad(result, (features, layer.weight), torch.ones_like(result))
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds[1:])


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--batch-size", type=int, default=16)
    options = parser.parse_args()
    prepare_process()
    torch.set_num_threads(1)
    profile(options.backbone, options.batch_size)
    for channels, size in STRIDED_DEPTHWISE:
        half = depthwise_backward(channels, size, torch.bfloat16, options.batch_size)
        full = depthwise_backward(channels, size, torch.float32, options.batch_size)
        print(f"  strided depthwise, {channels} x {size} x {size}: {half:.0f} ms bfloat16, {full:.1f} ms float32")


if __name__ == "__main__":
    main()
