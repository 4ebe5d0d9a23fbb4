"""`dfdetect explain`: where a detector looked, as pictures and figures."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfdetect.deploy.model_options import add_faces, add_model, check_faces, chosen_face_model
from dfdetect.errors import DecodeError, DFDetectError, UsageError
from dfdetect.explain.methods import GRADIENTS, METHODS

if TYPE_CHECKING:
    from dfdetect.deploy.photos import Settings
    from dfdetect.deploy.runtime import Detector
    from dfdetect.explain.maps import Explainer
    from dfdetect.explain.photos import Explained

DESCRIPTION = """Show what spoke for fake and what for real in each face of a photo.

Of each face it writes a PNG (the face, beside its evidence, beside its regions with their shares) and a JSON with the
map and the shares. The scale is the same in all pictures. A map says where the network looked, not who is right.
"""
EXAMPLE = """examples:
  dfdetect explain photo.jpg
  dfdetect explain photos/ --model mobilenet_v2-int8.onnx --out why/
  dfdetect explain photo.jpg --method gradcam++ --ckpt_path lightning_logs/demo/version_0/checkpoints/best.ckpt
  dfdetect explain photo.jpg --method occlusion --json
"""
_NAMED = 60


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code, 1 where a file could not be read."""
    options = _parser(name).parse_args(arguments)
    _check(options)
    from dfdetect.deploy.native import quiet_native
    from dfdetect.deploy.photos import Settings
    from dfdetect.deploy.runtime import Detector
    from dfdetect.explain.methods import explainer, model_for

    file = model_for(options.method, options.model, options.ckpt_path)
    if file.suffix.lower() == ".ckpt":
        from dfdetect.quiet import quiet_third_parties

        quiet_third_parties()
    detector = Detector.load(file)
    settings = Settings(detector, chosen_face_model(options), options.margin)
    explain = explainer(options.method, detector, file, options.layer)
    sys.stderr.write(f"{file}: {_described(detector)}; --method {options.method}\n")
    if settings.takes_cuts:
        sys.stderr.write(f"{settings.takes_cuts}\n")
    try:
        with quiet_native():
            return _explain_all(options, settings, explain, f"{file.name}: {_described(detector)}")
    except BrokenPipeError:  # whoever read the rows, as `head` does, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser(name: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("paths", nargs="+", metavar="IMAGE", help="photos, folders; - for paths on standard input")
    model = made.add_argument_group("model")
    add_model(model)
    model.add_argument("--ckpt_path", type=Path, metavar="FILE", help="checkpoint")
    add_faces(model, off="explain whole pictures, no regions")
    how = made.add_argument_group("method")
    how.add_argument(
        "--method",
        choices=METHODS,
        default="cam",
        help="cam (default): the model's own heatmap; gradcam and its kin need a checkpoint; occlusion takes any model",
    )
    how.add_argument("--layer", default="", metavar="NAME", help="for gradients (default: the last that knows places)")
    output = made.add_argument_group("output")
    output.add_argument("--out", type=Path, default=Path("explain"), metavar="DIR", help="default: explain/")
    output.add_argument("--json", action="store_true", help="print a JSON object for each file, one a line")
    return made


def _check(options: argparse.Namespace) -> None:
    if options.layer and options.method not in GRADIENTS:
        raise UsageError(f"--layer is of gradients: --method {', '.join(GRADIENTS)}")
    check_faces(options)
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"--out {options.out} is a file; name a folder")


def _described(detector: "Detector") -> str:
    return f"{detector.facts.network}, {detector.facts.precision}, {detector.describe()}"


def _explain_all(options: argparse.Namespace, settings: "Settings", explain: "Explainer", model: str) -> int:
    from dfdetect.deploy.sources import Sources

    counts = {"files": 0, "faces": 0, "unreadable": 0}
    used: set[str] = set()
    own = options.out.resolve()
    for source in Sources(options.paths):
        if source.path not in options.paths and Path(source.path).resolve().is_relative_to(own):
            continue  # a folder that holds what an earlier run drew
        counts["files"] += 1
        try:
            explained = _one(source.path, source.problem, settings, explain, options.method)
        except DecodeError as error:
            counts["unreadable"] += 1
            _say({"path": source.path, "error": error.cause, "faces": []}, [], options.json)
            continue
        rows = [*_written(source.path, explained, options.out, used, model, settings)]
        counts["faces"] += sum(one.evidence is not None for one in explained)
        _say({"path": source.path, "faces": rows}, explained, options.json)
    said = f"{counts['files']} files, {counts['faces']} faces explained, {counts['unreadable']} unreadable"
    sys.stderr.write(f"{said}; pictures in {options.out}\n" if counts["faces"] else f"{said}\n")
    return 1 if counts["unreadable"] or not counts["files"] else 0


def _one(path: str, problem: str, settings: "Settings", explain: "Explainer", method: str) -> "list[Explained]":
    from dfdetect.deploy.photos import photo
    from dfdetect.deploy.sources import is_video
    from dfdetect.explain.photos import explain_picture

    if problem:
        raise DecodeError(path, problem)
    if is_video(path):
        raise DecodeError(path, "a video: photos are explained; save a frame of it, or dfdetect scan it")
    with photo(path, path) as (image, _):
        return explain_picture(image, settings, explain, method)


def _written(
    path: str, explained: "list[Explained]", out: Path, used: set[str], model: str, settings: "Settings"
) -> "Iterator[dict[str, Any]]":
    """Write each face's PNG and JSON; yields what stands in the JSON."""
    from dfdetect.deploy.verdicts import face_numbers
    from dfdetect.explain.photos import as_png
    from dfdetect.files import replacing

    threshold = settings.detector.facts.threshold
    for number, one in zip(face_numbers([one.verdict for one in explained]), explained, strict=True):
        row = {"path": path, "face": number, "threshold": round(threshold, 6), "model": model} | one.as_json()
        picture = one.picture(path, f"{model}; {one.method}", threshold)
        if picture is not None:
            file = out / f"{_free(path, number, used)}.png"
            row["png"] = str(file)
            try:
                for target, content in (
                    (file, as_png(picture)),
                    (file.with_suffix(".json"), json.dumps(row, indent=2).encode()),
                ):
                    with replacing(target) as temporary:
                        temporary.write_bytes(content)
            except OSError as error:
                raise DFDetectError(f"--out {out}: cannot be written ({error.strerror or error})") from error
        yield row


def _free(path: str, number: int, used: set[str]) -> str:
    """A file's name without ending for a face: the photo's, and a count where another folder has that name too."""
    stem = "".join(one if one.isprintable() and one not in '\\/:*?"<>|' else "_" for one in Path(path).stem)[:_NAMED]
    name, count = f"{stem}-{number}", 1
    while name.casefold() in used:
        count += 1
        name = f"{stem}-{count}-{number}"
    used.add(name.casefold())
    return name


def _say(row: dict[str, Any], explained: "list[Explained]", as_json: bool) -> None:
    from dfdetect.deploy.sources import shown

    if as_json:
        text = json.dumps(row)
    elif "error" in row:
        text = f"{'unreadable':<11}{'-':>7}  {shown(row['path'])}  {shown(row['error'])}"
    elif not explained:
        text = f"{'uncertain':<11}{'-':>7}  {shown(row['path'])}  no face found"
    else:
        text = "\n".join(
            _line(shown(row["path"]), one, entry) for one, entry in zip(explained, row["faces"], strict=True)
        )
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _line(path: str, one: "Explained", entry: dict[str, Any]) -> str:
    """Verdict, p_fake, file, what each region adds, and where the picture is."""
    from dfdetect.deploy.sources import shown

    p_fake = "-" if one.verdict.p_fake is None else f"{one.verdict.p_fake:.3f}"
    parts = [path]
    if one.shares:
        parts.append(", ".join(f"{name} {share.logits:+.2f}" for name, share in one.shares.items()))
    if one.verdict.reason:
        parts.append(shown(one.verdict.reason))
    if "png" in entry:
        parts.append(shown(entry["png"]))
    return f"{one.verdict.verdict:<11}{p_fake:>7}  " + "  ".join(parts)
