"""`dfdetect ensemble`: several trained runs as one detector."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from dfdetect.errors import UsageError
from dfdetect.evaluation.network_name import METHODS
from dfdetect.evaluation.plan import PLAN
from dfdetect.runs import COMMANDS, CONFIG, LOG_FOLDER, local_checkpoint, note_command

_BEST = Path("checkpoints", "best.ckpt")


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser(name).parse_args(arguments)
    if len(options.runs) < 2:
        raise UsageError("An ensemble has two members or more: dfdetect ensemble RUN RUN")
    files = [_checkpoint(place) for place in options.runs]
    out = _claim(options.run)
    try:
        result = _make(out, files, options, shlex.join(["dfdetect", name, *arguments]))
    except BaseException:
        _leave(out)
        raise
    sys.stdout.write(json.dumps(result, indent=2, allow_nan=False) + "\n" if options.json else _table(result))
    sys.stderr.write(f"Written to {out}. Test it: dfdetect test --run {shlex.quote(str(out))}\n")
    return 0


def _make(out: Path, files: Sequence[Path], options: argparse.Namespace, command: str) -> dict[str, Any]:
    """Join the checkpoints in a folder that is empty; returns what `_result` says of it."""
    from dfdetect.quiet import quiet_third_parties

    quiet_third_parties()
    from dfdetect.deploy.export.pictures import training_data
    from dfdetect.models import combining
    from dfdetect.models.checkpoint import SafeCheckpointIO

    loaded = combining.read_members(files)
    data = training_data(loaded[0], options.data)
    ensemble = combining.join(loaded, options.method)
    judged = combining.judge_validation(ensemble, data)
    margin = combining.calibrated(ensemble, judged, options.method)
    result = _result(ensemble, judged, margin, data.part("val"), files) | {"run": str(out)}
    _write_config(out, ensemble.hparams, loaded[0], data)
    note_command(out, command)
    (out / _BEST).parent.mkdir()
    SafeCheckpointIO().save_checkpoint(combining.checkpoint_of(ensemble, loaded, files), out / _BEST)
    return result


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description="Join trained runs to one detector, calibrated on their common validation part: a run of its own, "
        "with a checkpoint that is tested, exported, scanned with and served like any other.",
        epilog="example: dfdetect ensemble lightning_logs/mobilenetv2/version_0 lightning_logs/resnet18/version_0",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs, or checkpoints")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="logit",
        help="mean of the members' p_fake; mean of their logits, each divided by its temperature (default); or a "
        "stack: weights of those logits fitted on the validation part; then all are calibrated there",
    )
    parser.add_argument("--run", type=Path, metavar="DIR", help=f"default: the next {LOG_FOLDER}/ensemble/version_N")
    parser.add_argument("--data", metavar="ROOT", help="where the training's images lie now, if they were moved")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    return parser


def _checkpoint(place: Path) -> Path:
    """The file; of the folder of a run its best."""
    if (place / PLAN).is_file():
        raise UsageError(f"{place} is a cross-validation, whose folds have one test part each; name runs of one fold")
    return local_checkpoint(str(place / _BEST if place.is_dir() else place))


def _claim(named: Path | None) -> Path:
    """Make the ensemble's folder, before the work: nothing that lies somewhere is written over.

    Raises:
        UsageError: it is taken, or cannot be made.
    """
    home = Path(LOG_FOLDER, "ensemble")
    try:
        if named is not None:
            if named.exists() and (not named.is_dir() or any(named.iterdir())):
                raise UsageError(f"{named} is taken. Name another folder: --run DIR")
            named.mkdir(parents=True, exist_ok=True)
            return named
        taken = [int(one.name[8:]) for one in home.glob("version_*") if one.name[8:].isdigit()]
        for number in count(max(taken, default=-1) + 1):
            with suppress(FileExistsError):  # another command may take one meanwhile
                (home / f"version_{number}").mkdir(parents=True)
                return home / f"version_{number}"
    except OSError as error:
        raise UsageError(f"{named or home}: cannot be made ({error}). Name another folder: --run DIR") from error
    raise AssertionError("there are more numbers than folders")


def _leave(out: Path) -> None:
    """Take away the folder, and what was begun in it."""
    for file in (out / CONFIG, out / COMMANDS):
        file.unlink(missing_ok=True)
    for folder in (out / _BEST.parent, out):
        with suppress(OSError):
            folder.rmdir()


def _write_config(out: Path, model: Any, first: dict[str, Any], data: Any) -> None:
    """The configuration of its run: the model's settings, and the data's as of the members, where it lies now."""
    import yaml

    from dfdetect.files import replacing

    kept = {name: value for name, value in first["datamodule_hyper_parameters"].items() if not name.startswith("_")}
    kept |= {name: data.hparams[name] for name in ("root", "manifest", "layout")}
    with replacing(out / CONFIG) as temporary:
        plain = {"model": dict(model), "data": json.loads(json.dumps(kept)), "trainer": {}}
        temporary.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")


def _result(ensemble: Any, judged: Any, margin: Any, part: Any, files: Sequence[Path]) -> dict[str, Any]:
    """AUROC of the members and of the ensemble on the validation part, with their intervals."""
    from dfdetect.evaluation.calibration import sigmoid
    from dfdetect.evaluation.evaluate import Predictions, evaluate

    def measure(margins: Any) -> dict[str, Any]:
        paths, groups = ([values[i] for i in judged.index] for values in (part.paths, part.groups()))
        found = evaluate(Predictions(paths, judged.label, sigmoid(margins), groups, [""] * len(paths)))
        return {"auroc": found["auroc"], "auroc_interval": found["intervals"].get("auroc")}

    weights, bias = ensemble.head.margin_layer().weight[0].tolist(), float(ensemble.head.margin_bias())
    weights = weights if len(weights) == len(files) else [None] * len(files)
    columns = zip(files, weights, judged.margins.T, strict=True)
    return {
        "backbone": ensemble.hparams["backbone"],
        "members": [{"checkpoint": str(file), "weight": weight} | measure(own) for file, weight, own in columns],
        "bias": bias,
        "ensemble": measure(margin),
        "n_validation": len(judged.label),
        "threshold": ensemble.facts["threshold"],
        "temperature": ensemble.facts["temperature"],
    }


def _table(result: dict[str, Any]) -> str:
    """Markdown."""

    def auroc(one: dict[str, Any]) -> str:
        if one["auroc"] is None:
            return "undefined"
        between = one["auroc_interval"]
        return f"{one['auroc']:.3f}" + (f" ({between[0]:.3f} to {between[1]:.3f})" if between else "")

    rows = [(m["checkpoint"], "" if m["weight"] is None else f"{m['weight']:.3f}", auroc(m)) for m in result["members"]]
    rows.append(("**ensemble**", "", auroc(result["ensemble"])))
    head = f"AUROC on the validation part, n {result['n_validation']}"
    lines = [f"| member | weight | {head} |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    if against := [m["checkpoint"] for m in result["members"] if (m["weight"] or 0) < 0]:
        lines += [
            "",
            f"Of a weight below 0, so turned against itself: {', '.join(against)}. Leave it out, or --method logit.",
        ]
    return "\n".join(lines) + (
        "\n\nBy these images the members chose their checkpoints and the ensemble was fitted: only its test says how "
        "good it is.\n"
    )
