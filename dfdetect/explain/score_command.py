"""`dfdetect explain-score`: is the explanation true?"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfdetect.deploy.model_options import add_face_model
from dfdetect.environment import named_face_model
from dfdetect.errors import ExplainError, UsageError
from dfdetect.explain.curves import FILLS
from dfdetect.explain.methods import GRADIENTS, METHODS, explainer
from dfdetect.runs import local_checkpoint

if TYPE_CHECKING:
    from dfdetect.deploy.runtime import Detector
    from dfdetect.explain.cases import Case, Cases, Search
    from dfdetect.explain.comparing import Maps
    from dfdetect.explain.maps import Explainer

RESULT, PICTURE = "explain_score.json", "explain_score.png"
DESCRIPTION = """Score a detector's explanations: does its score fall where the map says, does the map lie where fakes
were forged, and does it vanish with what was learned? Each beside a bell in the middle, noise, and the map of another
picture, with 95% intervals over groups.
"""


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser(name).parse_args(arguments)
    _check(options)
    result = _score(options)
    from dfdetect.evaluation.canvas import save_figure
    from dfdetect.evaluation.tables import write_json
    from dfdetect.explain.score_figure import score_figure
    from dfdetect.explain.score_text import score_text

    write_json(options.out / RESULT, result)
    save_figure(score_figure(result), options.out / PICTURE)
    sys.stdout.write(json.dumps(result, indent=2, allow_nan=False) + "\n" if options.json else score_text(result))
    sys.stderr.write(f"Written to {options.out}: {RESULT} {PICTURE}\n")
    return 0


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description=DESCRIPTION,
        epilog="example: dfdetect explain-score --ckpt_path lightning_logs/demo/version_0/checkpoints/best.ckpt",
    )
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="model file or checkpoint (default: the newest run's)"
    )
    parser.add_argument(
        "--ckpt_path", metavar="FILE", help="checkpoint to score, or that --model comes from where that is not noted"
    )
    parser.add_argument(
        "--data", "--manifest", metavar="ROOT", help="folder or manifest (default: the training's own test part)"
    )
    parser.add_argument(
        "--part",
        nargs="+",
        choices=["test", "val"],
        default=["test"],
        help="of the training's own data (default: test; val chose the checkpoint, but trained nothing)",
    )
    parser.add_argument("--method", choices=METHODS, default="cam", help="default: cam; as of dfdetect explain")
    parser.add_argument("--fill", choices=FILLS, default="blur", help="what stands where the picture is taken away")
    parser.add_argument("--steps", type=int, default=16, metavar="N", help="of the curves (default: 16)")
    parser.add_argument("--limit", type=int, default=500, metavar="N", help="at most N images (default: 500)")
    parser.add_argument(
        "--curve-images",
        type=int,
        default=200,
        metavar="N",
        help="at most N for the curves (default: 200; 0: none)",
    )
    parser.add_argument(
        "--random-images",
        type=int,
        default=60,
        metavar="N",
        help="at most N for randomised weights (default: 60)",
    )
    add_face_model(parser)
    parser.add_argument("--threads", type=int, metavar="N", help="of the network (default: one a core)")
    parser.add_argument("--out", type=Path, default=Path("explain-score"), metavar="DIR", help="default: %(default)s/")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    return parser


def _check(options: argparse.Namespace) -> None:
    for option, least in (("steps", 2), ("limit", 2), ("curve_images", 0), ("random_images", 0)):
        if getattr(options, option) < least:
            raise UsageError(f"--{option.replace('_', '-')} is at least {least}, not {getattr(options, option)}")
    if options.random_images == 1:
        raise UsageError("--random-images is 0 or at least 2: each picture's map is held against another one's")
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"--out {options.out} is a file; name a folder")


def _score(options: argparse.Namespace) -> dict[str, Any]:
    from dfdetect.deploy.find_model import find_model
    from dfdetect.deploy.runtime import Detector
    from dfdetect.explain.cases import collect
    from dfdetect.explain.comparing import maps_of
    from dfdetect.explain.score_data import checkpoint_of, choose
    from dfdetect.explain.score_pointing import score_pointing

    named = None if options.ckpt_path is None else local_checkpoint(options.ckpt_path)
    model = find_model(options.model or named)
    detector = Detector.load(model, options.threads, face_model=named_face_model(options.face_model))
    checkpoint = named or checkpoint_of(model)
    chosen = choose(detector.facts, checkpoint, options.data, options.part).take(options.limit)
    sys.stderr.write(f"{model} ({detector.describe()}) on {len(chosen.samples)} images: {chosen.title}\n")
    explain = explainer(options.method, detector, _file_for(options.method, model, checkpoint))
    found = collect(chosen.samples, detector, explain, _search(options, chosen.samples.paths), progress=True)
    cases, threshold = found.cases, detector.facts.threshold
    if len(cases) < 2:
        raise ExplainError(f"{chosen.title}: {len(cases)} images could be read, of two at least. Name others: --data")
    maps = maps_of(cases, threshold)
    return {
        "model": str(model),
        "engine": detector.describe(),
        "checkpoint": checkpoint and str(checkpoint),
        "method": options.method,
        "data": chosen.title,
        "threshold": threshold,
        "n": len(cases),
        "n_real": sum(case.label == 0 for case in cases),
        "n_fake": sum(case.label == 1 for case in cases),
        "n_called_fake": sum(case.p_fake >= threshold for case in cases),
        "n_groups": len({case.group for case in cases}),
        "pointing": score_pointing(cases, maps, threshold),
        "curves": _curves(detector, cases, maps, options),
        "sanity": _sanity(checkpoint, cases, threshold, options),
        "notes": _notes(found, threshold, checkpoint, options),
    }


def _file_for(method: str, model: Path, checkpoint: Path | None) -> Path:
    """What a method works on: gradients are the checkpoint's, also where a model file's own scores are judged."""
    if method not in GRADIENTS:
        return model
    if checkpoint is None:
        raise UsageError(f"--method {method} needs gradients, which {model.name} does not give: --ckpt_path FILE")
    return checkpoint


def _curves(
    detector: "Detector", cases: "list[Case]", maps: "Maps", options: argparse.Namespace
) -> dict[str, Any] | None:
    import numpy as np

    from dfdetect.explain.score_curves import score_curves

    kept = np.sort(np.random.default_rng(0).permutation(len(cases))[: options.curve_images]).tolist()
    if not kept:
        return None
    own = {name: [values[i] for i in kept] for name, values in maps.items()}
    return score_curves(
        [cases[i] for i in kept],
        own,
        lambda batch: detector.judge(batch)[0],
        detector.facts.threshold,
        options.fill,
        options.steps,
        progress=True,
    )


def _search(options: argparse.Namespace, paths: list[str]) -> "Search | None":
    """The face detector, where names of fakes say which parts were edited; it is not asked for otherwise."""
    from dfdetect.data.ciplab import edited_parts

    if not any(edited_parts(path) for path in paths):
        return None
    from dfdetect.data.face_model import face_model
    from dfdetect.data.yunet import search

    file = face_model(named_face_model(options.face_model))
    return lambda image: search(image, file)


def _sanity(
    checkpoint: Path | None, cases: "list[Case]", threshold: float, options: argparse.Namespace
) -> dict[str, Any] | None:
    from dfdetect.deploy.runtime import Detector
    from dfdetect.explain.score_sanity import score_sanity

    if checkpoint is None or not options.random_images:
        return None

    def explain(file: Path) -> "Explainer":
        return explainer(options.method, Detector.load(file, options.threads), file)

    return score_sanity(checkpoint, cases, threshold, explain, options.random_images, progress=True)


def _notes(found: "Cases", threshold: float, checkpoint: Path | None, options: argparse.Namespace) -> list[str]:
    """What a reader must know before trusting the figures."""
    from dfdetect.explain.baselines import others, with_other_verdict

    notes, verdicts = [], [case.p_fake >= threshold for case in found.cases]
    if strangers := with_other_verdict(verdicts, others(verdicts, [case.group for case in found.cases])):
        notes.append(
            f"For {strangers} of {len(verdicts)} images, whose verdict no other group has, the map of another picture "
            "is one of the other verdict."
        )
    if found.unread:
        notes.append(f"{found.unread} files could not be read and are left out.")
    if found.faceless:
        notes.append(f"{found.faceless} fakes whose names say what was edited show no face that is found: left out.")
    if checkpoint is None:
        notes.append("No checkpoint is known, so maps were not held against randomised weights: --ckpt_path FILE")
    if "val" in options.part:
        notes.append("The validation part, which chose checkpoint and threshold, is among the images.")
    return notes
