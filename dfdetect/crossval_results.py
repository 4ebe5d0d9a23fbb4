"""What a cross-validation leaves in its folder: predictions, metrics, figures and the page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dfdetect.errors import ResultsError
from dfdetect.evaluation.canvas import save_figure
from dfdetect.evaluation.contents import Results
from dfdetect.evaluation.crossval import summarise
from dfdetect.evaluation.crossval_figures import crossval_figures, mistakes_of_folds_figure
from dfdetect.evaluation.crossval_limits import find_crossval_limits
from dfdetect.evaluation.crossval_report import render
from dfdetect.evaluation.crossval_text import SHOWN
from dfdetect.evaluation.limit import Limit
from dfdetect.evaluation.out_of_fold import finished_folds, read_folds
from dfdetect.evaluation.plan import PLAN, read_plan
from dfdetect.evaluation.stored import read_metrics
from dfdetect.evaluation.tables import METRICS, PREDICTIONS, REPORT, write_json, write_page, write_predictions


def write_results(
    out: Path, runs: Sequence[Path], against: Results | None = None, page: Path | None = None
) -> tuple[Results, Path, list[Limit]]:
    """Collect the folds of a cross-validation and write predictions.csv, metrics.json, figures and report.html.

    Args:
        out: its folder.
        runs: of each fold that is to be counted.
        against: what `difference` said of it and another one of the same images.
        page: the page's file; by default report.html in the folder.

    Returns:
        The result, the page's file, and the limits that stand in it.

    Raises:
        ResultsError: a fold's results are missing or damaged, the folds are not those of one data set, or the page
            cannot be written.
    """
    from dfdetect.models.crossval_contents import mistaken_images, read_crossval  # with torch: the checkpoints are read
    from dfdetect.models.run_contents import read_run

    number, training = _plan(out)
    folds, contents = read_folds(runs), [read_run(run) for run in runs]
    folds = [replace(fold, metrics=one.metrics or fold.metrics) for fold, one in zip(folds, contents, strict=True)]
    result, pooled = summarise(folds, number)
    if against is not None:
        result["against"] = against
    name = out.resolve().name
    figures = crossval_figures(folds, result, name)
    if shown := mistaken_images(result, contents[0]):
        figures["mistakes"] = mistakes_of_folds_figure(shown, len(pooled.path), f"{name}: worst mistakes")
    write_predictions(out / PREDICTIONS, pooled)
    for stem, figure in figures.items():
        save_figure(figure, out / f"{stem}.png")
    write_json(out / METRICS, result)
    crossval = read_crossval(out, result, contents, training)
    limits = find_crossval_limits(crossval)
    return result, write_page(page or out / REPORT, render(crossval, limits)), limits


def write_again(out: Path, page: Path | None = None) -> tuple[Path, list[Limit]]:
    """All of it from the folds that are finished so far, with the comparison that was made before.

    Raises:
        ResultsError: no fold is finished, or as in `write_results`.
    """
    runs = finished_folds(out)
    if not runs:
        raise ResultsError(f"{out}: no fold is finished. Run it, or go on with it: dfdetect crossval --out {out}")
    before = read_metrics(out / METRICS).get("against") if (out / METRICS).is_file() else None
    _, file, limits = write_results(out, runs, before if _is_difference(before) else None, page)
    return file, limits


def _plan(out: Path) -> tuple[int, list[str]]:
    """Number of folds and options of the training."""
    plan = read_plan(out / PLAN)
    try:
        return int(plan["folds"]), [str(part) for part in plan["training"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ResultsError(f"{out / PLAN}: not what dfdetect crossval writes ({error!r})") from error


def _is_difference(found: Any) -> bool:
    """Whether this is what `difference` says, of this version or an earlier one."""
    if not isinstance(found, dict) or "folder" not in found:
        return False
    values = [value for name, value in found.items() if name in SHOWN]
    return bool(values) and all(isinstance(one, dict) and {"difference", "interval"} <= set(one) for one in values)
