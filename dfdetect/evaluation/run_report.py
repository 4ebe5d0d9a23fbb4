"""`report.html` of a run: what it can do in plain words, what limits that, then every figure behind it."""

from collections.abc import Sequence
from html import escape

from dfdetect import __version__
from dfdetect.evaluation.contents import Results, RunContents
from dfdetect.evaluation.limit import Limit
from dfdetect.evaluation.metric_words import PROBABILITIES, RANKING, VERDICTS
from dfdetect.evaluation.metrics import HALF, UNCALIBRATED
from dfdetect.evaluation.network_name import network_name
from dfdetect.evaluation.page import page, tiles
from dfdetect.evaluation.page_parts import (
    limits_box,
    metrics_table,
    mistakes_section,
    number,
    plots,
    verdict_box,
    worth_table,
)
from dfdetect.evaluation.plain_words import cut, false_alarms, headline, misses, of_hundred
from dfdetect.evaluation.run_sections import groups_section, other_data_section, robustness_section, training_section

_FIGURES = {
    "confusion_matrix": "Verdicts at the threshold, counted.",
    "roc": "Fakes caught against false alarms, over all thresholds.",
    "pr": "How many of those called fake are fake, against how many are caught.",
    "reliability": "Where the line lies on the diagonal, p_fake can be read as a probability.",
    "abstention": "What it gains by answering only where it is sure.",
}
_MISTAKES = "The most confident errors, worst first; a frame has the colour of the truth."
_UNTESTED = "Its own test part was not judged yet: `dfdetect test`."


def render(run: RunContents, limits: Sequence[Limit]) -> str:
    """The page, as HTML.

    Args:
        run: what lies in the run's folder.
        limits: of the run, the worst first.
    """
    parts = [
        f"<h1>{escape(run.name)}</h1>",
        f'<p class="soft">{_about(run)} Written by dfdetect {escape(__version__)}.</p>',
        verdict_box(headline(run.metrics) if run.metrics else [_UNTESTED], limits),
        *([_tiles(run.metrics)] if run.metrics else []),
        "<h2>Before you rely on it</h2>",
        limits_box(limits),
        *(_own_test(run, run.metrics) if run.metrics else []),
        other_data_section(run),
        robustness_section(run),
        mistakes_section(run.figures, _MISTAKES) if run.metrics else "",
        training_section(run),
        "<h2>How the figures were made</h2>",
        _method(),
    ]
    return page(f"{run.name}: report", "\n".join(part for part in parts if part))


def _about(run: RunContents) -> str:
    network = run.model and network_name(str(run.model["backbone"]), str(run.model.get("frontend", "rgb")))
    backbone = f"A detector of fake face photos ({escape(network)})" if network else "A detector"
    tested = (run.metrics or {}).get("root")
    on = f", tested on <code>{escape(str(tested))}</code>" if tested else ""
    file = f" Checkpoint <code>{escape(run.checkpoint)}</code>." if run.checkpoint else " Its checkpoint is gone."
    return f"{backbone}{on}.{file}"


def _tiles(result: Results) -> str:
    alarms, missed = false_alarms(result), misses(result)
    shown = [
        (number(result.get("auroc")), "AUROC"),
        (number(result.get("accuracy")), "accuracy"),
        (of_hundred(alarms[0], None) if alarms else "-", "of 100 real photos called fake"),
        (of_hundred(missed[0], None) if missed else "-", "of 100 fakes missed"),
        (f"{result['n']:,}", "test images"),
    ]
    if result.get("n_groups", result["n"]) < result["n"]:
        shown.append((f"{result['n_groups']:,}", "groups of them"))
    return tiles(shown)


def _own_test(run: RunContents, result: Results) -> list[str]:
    counted = f"n = {result['n']:,} images ({result['n_real']:,} real, {result['n_fake']:,} fake)"
    groups = result.get("n_groups")
    grouped = (
        "" if groups is None else f" in {groups:,} groups" if groups < result["n"] else ", each a group of its own"
    )
    temperature = result.get("temperature", 1.0)
    chosen = {"": f"at its threshold {cut(result['threshold'])}"} | (
        {HALF: "at 0.5"} if "accuracy_at_half" in result else {}
    )
    tempered = {"": f"calibrated (temperature {cut(temperature)})", UNCALIBRATED: "uncalibrated"}
    return [
        "<h2>What a verdict is worth</h2>",
        worth_table(result),
        "<h2>Test figures</h2>",
        f"<p>{counted}{grouped}; below each figure its 95% interval.</p>",
        "<h3>Verdicts</h3>",
        metrics_table(result, VERDICTS, chosen),
        "<h3>Ranking, over all thresholds</h3>",
        metrics_table(result, RANKING, {"": "value"}),
        "<h3>p_fake as a probability</h3>",
        metrics_table(result, PROBABILITIES, {"": "uncalibrated"} if temperature == 1 else tempered),
        plots(run.figures, _FIGURES),
        groups_section(result),
    ]


def _method() -> str:
    return (
        "<p>fake is the positive class. p_fake is the score in [0, 1]; from the threshold on, a photo is called fake. "
        "Threshold and temperature were fitted on the validation part, never on test images. Intervals are 95%, by "
        "bootstrap of whole groups, since images of one group are no independent evidence; those of a fall between "
        "data sets are by square-and-add (Zou and Donner, 2008). Not one of these figures proves that a photo is fake: "
        "they say how often such verdicts are wrong on data like this.</p>"
    )
