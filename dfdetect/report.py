"""`dfdetect report`: write the page of a run or a cross-validation from what lies in its folder."""

import argparse
import json
import sys
from pathlib import Path

from dfdetect.errors import ResultsError
from dfdetect.runs import LOG_FOLDER, named_folder, newest_checkpoint


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser(name).parse_args(arguments)
    from dfdetect.callbacks.report import write_report
    from dfdetect.crossval_results import write_again
    from dfdetect.evaluation.limit import SEVERITY_WORDS
    from dfdetect.evaluation.plan import PLAN
    from dfdetect.quiet import quiet_third_parties

    quiet_third_parties()
    folder = _folder(options.run)
    write = write_again if (folder / PLAN).is_file() else write_report
    file, limits = write(folder, options.out)
    if options.json:
        sys.stdout.write(json.dumps({"report": str(file), "limits": [limit.as_json() for limit in limits]}, indent=2))
    else:
        sys.stdout.writelines(f"{SEVERITY_WORDS[limit.severity]:<9}{limit.title}\n" for limit in limits)
        sys.stdout.write(f"Written to {file}")
    sys.stdout.write("\n")
    return 0


def _folder(place: Path | None) -> Path:
    """The run that was named, by its folder or a file in it, or else the newest one."""
    if place is not None:
        return named_folder(place, "report")
    newest = newest_checkpoint("best")
    if newest is None:
        raise ResultsError(
            f"No run in {LOG_FOLDER}. Name one: dfdetect report RUN, or train: dfdetect fit --config demo"
        )
    return newest.parent.parent


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description="Write the page of a run or of a cross-validation from what lies in its folder, and list what "
        "limits its figures.",
        epilog="example: dfdetect report lightning_logs/demo/version_0",
    )
    parser.add_argument(
        "run",
        nargs="?",
        type=Path,
        metavar="RUN",
        help="folder of the run or cross-validation (default: the newest run)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there (default: report.html in the folder)")
    parser.add_argument("--json", action="store_true", help="print the limits as JSON")
    return parser
