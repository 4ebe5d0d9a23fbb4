"""`dfdetect benchmark`: model files side by side, the checkpoint in PyTorch eager as the first row."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfdetect.errors import BenchmarkError, UsageError
from dfdetect.files import claim_folder

if TYPE_CHECKING:
    from dfdetect.deploy.benchmark.images import JudgedImages
    from dfdetect.deploy.benchmark.measure import Model, Settings

RESULT, TABLES, PICTURE = "benchmark.json", "benchmark.md", "benchmark.png"
_CHECKPOINT = ".ckpt"


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser(name).parse_args(arguments)
    files, notes = _order(options.models), list[str]()
    if options.out is not None:
        claim_folder(options.out, "--out")
    found = None if options.no_baseline or files[0].suffix == _CHECKPOINT else _newest(notes)
    from dfdetect.deploy.benchmark.table import markdown

    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(options, Path(folder))
        models = _start_once(files, found, settings, notes)
        images = _images(options, models)
        result = _measure(models, settings, images, notes)
    _write(result, options.out)
    sys.stdout.write(json.dumps(result, indent=2, allow_nan=False) + "\n" if options.json else markdown(result))
    return 0


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description="Measure model files side by side, each in a process of its own, in turns: latency, throughput, "
        "cold start, peak memory and size. The first row is the checkpoint in PyTorch eager fp32: the one named, "
        "or the best of the newest run. Prints Markdown.",
        epilog="example: dfdetect benchmark exports/*.onnx exports/*.xml exports/*.tflite --data photos/ --out bench",
    )
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help=".onnx, .xml, .tflite or .ckpt")
    parser.add_argument("--threads", nargs="+", type=int, metavar="N", help="default: 1 2, as far as there are cores")
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8, 32], metavar="N", help="default: 1 8 32")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each model; medians are taken (default: 5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn (default: 1)")
    parser.add_argument("--provider", default="cpu", help="cpu (default), cuda, GPU ..., or `best` that is there")
    parser.add_argument("--no-baseline", action="store_true", help="no checkpoint as the first row, and no ratios")
    parser.add_argument("--data", metavar="ROOT", help="folder or manifest of labelled images: adds AUROC and accuracy")
    parser.add_argument("--split", type=Path, metavar="CSV", help="split.csv of the run, where ROOT is its own data")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write {RESULT}, {TABLES}, and with --data {PICTURE}")
    parser.add_argument("--json", action="store_true", help="print JSON in place of Markdown")
    return parser


def _order(named: Sequence[Path]) -> list[Path]:
    """The models, each once, the first checkpoint before all others."""
    files = sorted(dict.fromkeys(named), key=lambda file: file.suffix != _CHECKPOINT)
    checkpoints = [file for file in files if file.suffix == _CHECKPOINT][:1]
    return checkpoints + [file for file in dict.fromkeys(named) if file not in checkpoints]


def _newest(notes: list[str]) -> Path | None:
    from dfdetect.runs import newest_checkpoint

    newest = newest_checkpoint("best")
    if newest is None:
        notes.append("No checkpoint is named and none was trained here: no first row in PyTorch, no ratios")
    return newest


def _settings(options: argparse.Namespace, folder: Path) -> "Settings":
    """What was asked for, checked; the photo for the first verdict is drawn into `folder`."""
    from PIL import Image

    from dfdetect.data.synthetic import draw_face
    from dfdetect.deploy.benchmark.measure import Settings
    from dfdetect.deploy.engines.engine import usable_cores

    threads = options.threads or [count for count in (1, 2) if count <= usable_cores()]
    if not all(1 <= count <= usable_cores() for count in threads):
        raise UsageError(f"--threads goes from 1 to {usable_cores()}, the cores that this process may use")
    if min(options.batch) < 1 or options.rounds < 1 or not 0 < options.seconds < 1e6:
        raise UsageError("--batch and --rounds are 1 or more, --seconds is more than 0")
    photo = folder / "photo.jpg"
    Image.fromarray(draw_face(0, 0, size=512).image).save(photo, quality=92)
    batches = sorted({1, *options.batch})
    provider = "" if options.provider == "best" else options.provider
    return Settings(tuple(dict.fromkeys(threads)), tuple(batches), options.rounds, options.seconds, provider, photo)


def _start_once(files: Sequence[Path], found: Path | None, settings: "Settings", notes: list[str]) -> list["Model"]:
    """Start every model once, before the first minute of measuring; a checkpoint that was found has to be theirs."""
    from dfdetect.deploy.benchmark.measure import first_start

    models = [first_start(file, settings) for file in files]
    if found is None:
        return models
    try:
        baseline = first_start(found, settings)
    except BenchmarkError as error:
        notes.append(f"The newest run's best checkpoint cannot be run, so there are no ratios ({error})")
        return models
    if any(_same_training(baseline, model) for model in models):
        return [baseline, *models]
    notes.append(
        f"The newest run's best, {found}, is another detector (other backbone, input size or training data), so there "
        "are no ratios. Name the checkpoint that the models were exported from"
    )
    return models


def _same_training(one: "Model", other: "Model") -> bool:
    names = ("backbone", "input_size", "data_fingerprint")
    return all(getattr(one.facts, name) == getattr(other.facts, name) for name in names)


def _images(options: argparse.Namespace, models: Sequence["Model"]) -> "JudgedImages | None":
    if options.data is None:
        if options.split is not None:
            raise UsageError("--split says which images of a data set are for testing: name it with --data ROOT")
        return None
    from dfdetect.deploy.benchmark.images import choose_images

    # a checkpoint lies in RUN/checkpoints, and what was exported from it in RUN/export
    beside = (model.file.resolve().parent.parent / "split.csv" for model in models)
    split = options.split or next((file for file in beside if file.is_file()), None)
    return choose_images(options.data, [model.facts for model in models], split, named=options.split is not None)


def _measure(
    models: Sequence["Model"], settings: "Settings", images: "JudgedImages | None", notes: list[str]
) -> dict[str, Any]:
    from dfdetect.deploy.benchmark.machine import busy_note, machine_facts
    from dfdetect.deploy.benchmark.measure import add_ratios, describe, measure_speed, measure_start

    files = [model.file for model in models]
    machine = machine_facts(settings.threads)
    if busy := busy_note(machine):
        notes.append(busy)
        sys.stderr.write(f"{busy}\n")
    starts, speeds = measure_start(files, settings, _progress), measure_speed(files, settings, _progress)
    rows = [
        describe(model) | start | {"speed": speed} for model, start, speed in zip(models, starts, speeds, strict=True)
    ]
    names = [row["name"] for row in rows]
    for row in rows:
        row["name"] = row["name"] if names.count(row["name"]) == 1 else row["file"]
    has_baseline = models[0].facts.format == "checkpoint"
    add_ratios(rows, has_baseline)
    if images is not None:
        _judge(models, rows, settings, images)
    return {
        "machine": machine,
        "settings": {"rounds": settings.rounds, "seconds": settings.seconds, "provider": settings.provider or "best"},
        "baseline": rows[0]["name"] if has_baseline else None,
        "images": images and {"root": str(images.samples.root), "which": images.which},
        "models": rows,
        "notes": notes,
    }


def _judge(
    models: Sequence["Model"], rows: Sequence[dict[str, Any]], settings: "Settings", images: "JudgedImages"
) -> None:
    from tqdm import tqdm

    from dfdetect.deploy.benchmark.images import judge
    from dfdetect.deploy.benchmark.process import Worker

    with tqdm(total=len(models) * len(images.samples), desc="images", disable=None, leave=False) as bar:
        for model, row in zip(models, rows, strict=True):
            with Worker(model.file, max(settings.threads), settings.provider, settings.photo) as worker:
                row["quality"] = judge(worker, model.facts, images.samples, bar.update)


def _progress(items: Iterable[Any], total: int, title: str) -> Iterable[Any]:
    from tqdm import tqdm

    shown: Iterable[Any] = tqdm(items, total=total, desc=title, disable=None, leave=False)
    return shown


def _write(result: dict[str, Any], out: Path | None) -> None:
    if out is None:
        return
    from dfdetect.deploy.benchmark.table import markdown
    from dfdetect.evaluation.tables import write_json
    from dfdetect.files import replacing

    write_json(out / RESULT, result)
    with replacing(out / TABLES) as temporary:
        temporary.write_text(markdown(result), encoding="utf-8")
    written = [RESULT, TABLES]
    if result["images"] is not None:
        from dfdetect.deploy.benchmark.picture import accuracy_against_latency
        from dfdetect.evaluation.canvas import save_figure

        save_figure(accuracy_against_latency(result), out / PICTURE)
        written.append(PICTURE)
    sys.stderr.write(f"Written to {out}: {' '.join(written)}\n")
