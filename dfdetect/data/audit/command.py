"""`dfdetect audit`: what a data set tells about its labels before anything is trained on it.

Reads a folder or a manifest as `fit` does and writes report.html, findings.json and manifest.csv, whose groups keep
twins and duplicates on one side of every split: dfdetect fit --data.manifest audit/manifest.csv
"""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfdetect import __version__
from dfdetect.environment import FACE_MODEL_VARIABLE, named_face_model
from dfdetect.errors import DFDetectError, UsageError

if TYPE_CHECKING:
    from dfdetect.data.audit.examine import Examination
    from dfdetect.data.audit.finding import Finding


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser(name).parse_args(arguments)
    _check(options)
    from dfdetect.data.audit.examine import examine  # here, so that --help answers at once
    from dfdetect.data.audit.findings import find_all, is_serious
    from dfdetect.data.audit.manifest import refuse_foreign
    from dfdetect.data.audit.measure import Settings
    from dfdetect.data.face_model import face_model_at_hand
    from dfdetect.data.own_layout import list_samples

    manifest = options.out / "manifest.csv"
    refuse_foreign(manifest)
    face_model = face_model_at_hand(named_face_model(options.face_model)) or ""
    samples = list_samples(options.root, options.manifest, options.layout, strict=False)
    _make_folder(options.out)
    settings = Settings(face_model, options.normalise_encoding)
    found = examine(samples, settings, options.workers, progress=True)
    findings = find_all(found, str(manifest))
    summary = _summary(found, findings, options)
    _write(found, findings, summary, options, shlex.join(["dfdetect", name, *arguments]))
    sys.stdout.write(json.dumps(summary, indent=2) + "\n" if options.json else _text(summary, findings, options.out))
    return 1 if len(found.samples) == 0 or (options.strict and is_serious(findings)) else 0


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description=__doc__,
        epilog="example: dfdetect audit photos/ --out audit --strict",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("root", type=Path, help="folder with the images, or a manifest CSV, as data.root")
    parser.add_argument("--manifest", type=Path, help="CSV with path,label[,group,split,source,...], as data.manifest")
    parser.add_argument("--layout", metavar="MODULE.NAME", help="a layout of your own, as data.layout")
    parser.add_argument("--out", type=Path, default=Path("audit"), help="folder to write into (default: ./audit)")
    parser.add_argument("--json", action="store_true", help="print findings.json instead of a summary")
    parser.add_argument("--strict", action="store_true", help="exit code 1 with a leak or a strong shortcut")
    parser.add_argument(
        "--face-model",
        metavar="FILE",
        help=f"YuNet (ONNX), to count faces; default ${FACE_MODEL_VARIABLE}, else the one that scan has downloaded",
    )
    parser.add_argument("--workers", type=int, default=_cores(), help="processes (default: one a core)")
    parser.add_argument(
        "--normalise-encoding",
        type=int,
        metavar="QUALITY",
        help="take pixel statistics after re-encoding as JPEG, to see what data.normalise_encoding leaves",
    )
    return parser


def _check(options: argparse.Namespace) -> None:
    if options.workers < 1:
        raise UsageError(f"--workers must be at least 1, got {options.workers}")
    if options.normalise_encoding is not None and not 1 <= options.normalise_encoding <= 100:
        raise UsageError(f"--normalise-encoding is a JPEG quality from 1 to 100, not {options.normalise_encoding}")
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"--out {options.out} is a file; name a folder")


def _make_folder(out: Path) -> None:
    """Now, so that minutes of measuring are not lost on a folder that cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(out, error) from error


def _not_written(out: Path, error: OSError) -> DFDetectError:
    return DFDetectError(f"--out {out}: cannot be written ({error.strerror or error}); name another folder")


def _cores() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def _summary(found: "Examination", findings: "list[Finding]", options: argparse.Namespace) -> dict[str, Any]:
    """What findings.json holds."""
    import numpy as np

    from dfdetect.data.audit.findings import is_serious, verdict
    from dfdetect.data.splits import fingerprint

    n_fake = int(found.labels.sum())
    return {
        "version": __version__,
        "root": str(options.root),
        "manifest": str(options.manifest) if options.manifest else None,
        "layout": found.listed.layout,
        "data_fingerprint": fingerprint(found.listed, np.zeros(len(found.listed), np.int8)),
        "n_listed": len(found.listed),
        "n_unlisted": len(found.listed.unlisted),
        "n_broken": len(found.broken),
        "n_real": len(found.labels) - n_fake,
        "n_fake": n_fake,
        "n_groups": len(set(found.grouped().groups())),
        "verdict": verdict(findings),
        "serious": is_serious(findings),
        "findings": [finding.as_json() for finding in findings],
    }


def _write(
    found: "Examination", findings: "list[Finding]", summary: dict[str, Any], options: argparse.Namespace, command: str
) -> None:
    from dfdetect.data.audit.manifest import write_manifest
    from dfdetect.data.audit.report import render
    from dfdetect.evaluation.tables import write_json
    from dfdetect.files import replacing

    name = Path(os.path.abspath(options.manifest or options.root)).name
    try:
        write_manifest(options.out / "manifest.csv", found)
        write_json(options.out / "findings.json", summary)
        with replacing(options.out / "report.html") as temporary:
            temporary.write_text(render(found, findings, name, command), encoding="utf-8")
    except OSError as error:
        raise _not_written(options.out, error) from error


def _text(summary: dict[str, Any], findings: "list[Finding]", out: Path) -> str:
    lines = [
        f"{summary['root']}  ({summary['layout']})",
        f"{summary['n_real']} real, {summary['n_fake']} fake, {summary['n_broken']} unreadable; "
        f"{summary['n_groups']} groups",
        "",
    ]
    for finding in findings:
        lines.append(f"{finding.severity.upper():<8}{finding.title}")
        if finding.remedy and finding.severity != "info":
            lines.append(f"{'':<8}-> {finding.remedy.replace('`', '')}")
    written = ", ".join(str(out / file) for file in ("report.html", "findings.json", "manifest.csv"))
    return "\n".join([*lines, "", summary["verdict"], f"Written: {written}", ""])
