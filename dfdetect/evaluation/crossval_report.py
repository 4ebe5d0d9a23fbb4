"""`report.html` of a cross-validation, in the look of a run's: first words and limits, then every figure."""

from collections.abc import Sequence
from html import escape
from typing import Any

from dfdetect import __version__
from dfdetect.evaluation.contents import CrossvalContents, Results, bounds
from dfdetect.evaluation.crossval_text import crossval_headline, difference_words, name_of_design
from dfdetect.evaluation.limit import Limit
from dfdetect.evaluation.metric_words import PROBABILITIES, RANKING, VERDICTS
from dfdetect.evaluation.metrics import HALF, UNCALIBRATED
from dfdetect.evaluation.network_name import network_name
from dfdetect.evaluation.page import interval_bars, page, table, tiles
from dfdetect.evaluation.page_parts import (
    between,
    figure,
    limits_box,
    metrics_table,
    mistakes_section,
    number,
    options,
    plots,
    verdict_box,
    worth_table,
)
from dfdetect.evaluation.plain_words import cut, false_alarms, misses, of_hundred
from dfdetect.evaluation.run_sections import groups_section, training_section
from dfdetect.words import counted

_FIGURES = {
    "roc": "Fakes caught against false alarms, a curve for each fold: different detectors are not ranked together.",
    "confusion_matrix": "All verdicts counted, each by the threshold of its own fold.",
    "reliability": "All folds together, so that the bins are full; their ECE is lower than the mean of small folds.",
    "abstention": "What answering only the surer cases buys, in each fold and on average.",
}
_MISTAKES = (
    "The most confident errors by the mean distance from the thresholds, worst first; a frame has the colour of the "
    "truth. Each was judged by detectors that have not seen it."
)


def render(crossval: CrossvalContents, limits: Sequence[Limit]) -> str:
    """The page, as HTML.

    Args:
        crossval: what lies in its folder.
        limits: of it, the worst first.
    """
    result = crossval.result
    parts = [
        f"<h1>{escape(crossval.name)}</h1>",
        f'<p class="soft">{_about(crossval)} Written by dfdetect {escape(__version__)}.</p>',
        verdict_box(crossval_headline(result), limits),
        _tiles(result),
        "<h2>Before you rely on it</h2>",
        limits_box(limits),
        _against(result.get("against")),
        "<h2>What a verdict is worth</h2>",
        worth_table(result),
        *_figures(result),
        _folds(crossval),
        "<h2>Curves</h2>",
        plots(crossval.figures, _FIGURES, "plots large"),
        groups_section(result),
        mistakes_section(crossval.figures, _MISTAKES) or _listed_mistakes(result),
        training_section(crossval.as_run()),
        f"<h3>Options of every training</h3><p>{options(crossval.training)}</p>" if crossval.training else "",
        "<h2>How the figures were made</h2>",
        _method(result),
    ]
    return page(f"{crossval.name}: report", "\n".join(part for part in parts if part))


def _about(crossval: CrossvalContents) -> str:
    run = crossval.runs[0]
    network = run.model and network_name(str(run.model["backbone"]), str(run.model.get("frontend", "rgb")))
    what = f" of detectors of fake face photos ({escape(network)})" if network else ""
    root = (run.metrics or {}).get("root") or run.split().get("root")
    on = f" on <code>{escape(str(root))}</code>" if root else ""
    return f"{escape(name_of_design(crossval.result))}{what}{on}."


def _tiles(result: Results) -> str:
    alarms, missed = false_alarms(result), misses(result)
    shown = [
        (number(result.get("auroc")), "AUROC, mean of the folds"),
        (number(result.get("accuracy")), "accuracy"),
        (of_hundred(alarms[0], None) if alarms else "-", "of 100 real photos called fake"),
        (of_hundred(missed[0], None) if missed else "-", "of 100 fakes missed"),
        (f"{result['n']:,}", "images, each tested"),
        (f"{result['n_groups']:,}", "groups of them"),
        (f"{result['finished']:,}", "detectors trained"),
    ]
    return tiles(shown)


def _against(against: Results | None) -> str:
    """The paired difference from another cross-validation, and what it means."""
    if not against:
        return ""
    every = RANKING | VERDICTS | PROBABILITIES
    rows = [
        ((title, meaning), _difference(against[name])) for name, (title, meaning) in every.items() if name in against
    ]
    return (
        f"<h2>Against another cross-validation</h2><p>This one minus <code>{escape(str(against['folder']))}</code>, on "
        f"the same images. <b>{escape(difference_words(against))}</b></p>"
        + _settings(against)
        + table(("metric", "this minus the other"), rows)
        + "<p><small>95% intervals by bootstrap of whole groups, paired: both are measured in the same resamples. They "
        "hold the chance of which images were tested, and not that of training again with other seeds."
        "</small></p>"
    )


def _settings(against: Results) -> str:
    """In which options both differ."""
    sides = [("only here", against.get("only_here")), ("only there", against.get("only_there"))]
    said = [f"<li>{where}: {options(listed)}</li>" for where, listed in sides if listed]
    return f"<p>Their options differ:</p><ul>{''.join(said)}</ul>" if said else ""


def _difference(found: Results) -> tuple[str, str]:
    value = found["difference"]
    return ("-", "") if value is None else (f"{value:+.3f}", between(found["interval"], "+"))


def _figures(result: Results) -> list[str]:
    return [
        "<h2>Test figures</h2>",
        f"<p>Means over {result['finished']:,} folds; below each its 95% interval. n = {result['n']:,} images "
        f"({result['n_real']:,} real, {result['n_fake']:,} fake) in {counted(result['n_groups'], 'group')}.</p>",
        "<h3>Verdicts</h3>",
        metrics_table(result, VERDICTS, {"": "at each fold's threshold", HALF: "at 0.5"}),
        "<h3>Ranking, over all thresholds</h3>",
        metrics_table(result, RANKING, {"": "mean of the folds"}),
        "<h3>p_fake as a probability</h3>",
        metrics_table(result, PROBABILITIES, {"": "calibrated", UNCALIBRATED: "uncalibrated"}),
    ]


def _folds(crossval: CrossvalContents) -> str:
    """A line of each fold: its AUROC as a bar, then its figures and how its detector came about."""
    rows = crossval.result["per_fold"]
    several = crossval.result["repeats"] > 1
    names = [f"{'repetition ' + str(row['repeat']) + ', ' if several else ''}fold {row['fold']}" for row in rows]
    bars = [
        (name, row["auroc"], bounds(run.metrics or {}, "auroc"))
        for name, row, run in zip(names, rows, crossval.runs, strict=True)
    ]
    lines = [
        (name, *_fold_row(row, run.metrics or {}, run.split().get("n_train"), run.epoch))
        for name, row, run in zip(names, rows, crossval.runs, strict=True)
    ]
    header = ("fold", "images", "AUROC", "accuracy", "recall", "specificity", "threshold", "trained on")
    return (
        "<h2>Fold by fold</h2><p>AUROC, from 0 to 1, each detector on the part that it has not seen; the line in the "
        "middle is guessing. The page of each detector lies in its fold's folder.</p>"
        + interval_bars(bars)
        + table(header, lines)
    )


def _fold_row(row: Results, metrics: Results, n_train: Any, epoch: int | None) -> tuple[Any, ...]:
    stored = row | {"intervals": metrics.get("intervals")}
    figures = (figure(stored, name) for name in ("auroc", "accuracy", "recall", "specificity"))
    fitted = cut(row["threshold"]), f"temperature {cut(row['temperature'])}"
    trained = f"{n_train:,}" if n_train else "-", "" if epoch is None else f"best epoch {epoch}"
    return (f"{row['n']:,}", counted(row["n_groups"], "group")), *figures, fitted, trained


def _listed_mistakes(result: Results) -> str:
    if not result["mistakes"]:
        return ""
    rows = [
        (one["path"], ("real", "fake")[one["label"]], f"{one['p_fake']:.2f}", f"{one['above_threshold']:+.2f}")
        for one in result["mistakes"]
    ]
    return "<h2>Worst mistakes</h2>" + table(("image", "truth", "p_fake", "from the threshold"), rows)


def _method(result: Results) -> str:
    repeated = " Repetitions divide the images anew and train with another seed." if result["repeats"] > 1 else ""
    return (
        "<p>The images were divided into folds; for each, a detector was trained on the others, its checkpoint, "
        f"threshold and temperature chosen on a validation part of those, and tested on the fold.{repeated} fake is "
        "the positive class. Every metric is measured inside each fold and averaged over the folds that define it: "
        "scores of different detectors are not comparable, so they are never ranked against each other. Verdicts are, "
        "so those of a source are counted over all folds. Intervals are 95%, by bootstrap of whole groups over all "
        "folds, since images of one group are no independent evidence. They hold the chance of which images were "
        "tested, and not that of training; the spread over the folds shows both. ECE is above 0 by chance alone, "
        "the more so in small folds.</p>"
    )
