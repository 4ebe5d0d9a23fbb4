"""Training images a second: `dfdetect fit`, the published recipe as a plain loop, and our own step without any data.

python benchmarks/train_throughput.py ROOT --baseline seed_recipe.py [--weights FILE] [--rounds 3]

In every round, one after the other: the baseline script (its JSON lines' `images_per_s`), `dfdetect fit` (the logged
`speed/images_per_s` of its second epoch, which reads cached pixels), the same with `--data.cache off` where asked for,
and the detector's own training step on one fixed batch. Medians over the rounds are printed, of figures and of each
round's ratios: what slows the whole machine down for a minute slows both sides of a ratio.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from dfdetect.process import prepare_process

BACKBONES = {"mobilenet_v2": "mobilenetv2", "resnet18": "resnet18"}


def baseline(options: argparse.Namespace) -> float:
    """Images/s of the plain loop."""
    command = [sys.executable, options.baseline, options.root, "--arch", options.backbone, "--epochs", "1"]
    command += ["--limit-batches", str(options.batches), *(["--weights", options.weights] if options.weights else [])]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return float(json.loads(lines[-1])["images_per_s"])


def fit(options: argparse.Namespace, cache: str) -> float:
    """Images/s of the second epoch of `dfdetect fit`."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    command = [sys.executable, "-m", "dfdetect", "fit", "--config", BACKBONES[options.backbone]]
    command += [f"--data.root={options.root}", "--data.download=false", f"--data.cache={cache}"]
    command += [f"--model.weights={options.weights or 'none'}", f"--trainer.limit_train_batches={options.batches}"]
    command += ["--trainer.max_epochs=2", "--trainer.limit_val_batches=1", "--trainer.num_sanity_val_steps=0"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        events = EventAccumulator(str(next(Path(folder).glob("lightning_logs/*/version_0"))))
        events.Reload()
        return float(events.Scalars("speed/images_per_s")[-1].value)


def fixed_step(options: argparse.Namespace) -> float:
    """Images/s of the training step on one batch that never changes."""
    command = [sys.executable, __file__, options.root, "--fixed-step", "--backbone", options.backbone]
    command += ["--batches", str(options.batches)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_fixed_step(backbone: str, batches: int, batch_size: int = 32) -> float:
    """The step itself: normalise, forward, cross-entropy, backward, Adam, in the precision `fit` would use here."""
    prepare_process()
    import torch

    from dfdetect.models.detector import DeepfakeDetector

    device = "cuda" if torch.cuda.is_available() else "cpu"
    detector = DeepfakeDetector(backbone, weights="none").to(device).train()
    optimizer = torch.optim.Adam(detector.parameters(), lr=1e-4)
    scaler = torch.amp.GradScaler(device, enabled=device == "cuda")
    half = torch.float16 if device == "cuda" else torch.bfloat16
    images = torch.randint(0, 256, (batch_size, 3, 224, 224), dtype=torch.uint8, device=device)
    labels = torch.arange(batch_size, device=device) % 2
    start = 0.0
    for step in range(batches):
        with torch.autocast(device, half):
            loss = torch.nn.functional.cross_entropy(detector(images).float(), labels)
        optimizer.zero_grad()
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()
        if step == 1:  # the first two warm up
            loss.item()
            start = time.perf_counter()
    loss.item()
    return batch_size * (batches - 2) / (time.perf_counter() - start)


def main() -> None:
    """Alternate the measurements and print their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root")
    parser.add_argument("--baseline", help="the published recipe as a script that prints JSON lines with images_per_s")
    parser.add_argument("--backbone", default="mobilenet_v2", choices=sorted(BACKBONES))
    parser.add_argument("--weights")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--cache-off", action="store_true", help="also measure without the pixel cache")
    parser.add_argument("--fixed-step", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fixed_step:
        print(run_fixed_step(options.backbone, options.batches))
        return
    figures: dict[str, list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        if options.baseline:
            figures["baseline"].append(baseline(options))
        figures["fit"].append(fit(options, "disk"))
        if options.cache_off:
            figures["fit_cache_off"].append(fit(options, "off"))
        figures["fixed_step"].append(fixed_step(options))
        print({name: round(values[-1], 1) for name, values in figures.items()}, file=sys.stderr, flush=True)
    medians = {name: round(statistics.median(values), 1) for name, values in figures.items()}
    ratios = {
        f"fit/{name}": round(statistics.median(fit / own for fit, own in zip(figures["fit"], values, strict=True)), 2)
        for name, values in figures.items()
        if name != "fit"
    }
    print(json.dumps({"backbone": options.backbone, "images_per_s": medians, "ratio": ratios}))


if __name__ == "__main__":
    main()
