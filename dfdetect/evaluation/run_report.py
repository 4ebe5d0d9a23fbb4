"""`report.html` of a run: what it can do in plain words, what limits that, then every figure behind it."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from dfdetect import __version__
from dfdetect.evaluation.contents import Results, RunContents, bounds
from dfdetect.evaluation.limit import SEVERITY_WORDS, Limit
from dfdetect.evaluation.metrics import HALF, UNCALIBRATED
from dfdetect.evaluation.page import card, page, plot, table, tiles, with_code
from dfdetect.evaluation.plain_words import false_alarms, headline, misses, of_hundred, worth_of_a_verdict
from dfdetect.evaluation.run_sections import groups_section, other_data_section, robustness_section, training_section

_RANKING = {
    "auroc": ("AUROC", "share of pairs in which the fake ranks above the real photo; 0.5 is guessing"),
    "average_precision": ("average precision", "mean precision over all thresholds; the share of fakes is guessing"),
    "eer": ("equal error rate", "both error rates where they are equal; lower is better"),
    "tpr_at_fpr_1": ("TPR at 1% FPR", "fakes caught where 1% of the real photos are called fake"),
    "tpr_at_fpr_5": ("TPR at 5% FPR", "fakes caught where 5% of the real photos are called fake"),
    "aurc": ("AURC", "error rate among the surest, over all shares answered; lower is better"),
}
_VERDICTS = {
    "accuracy": ("accuracy", "share of right verdicts"),
    "precision": ("precision", "of those called fake, the share that is; it depends on how many fakes there are"),
    "recall": ("recall", "of the fakes, the share caught"),
    "specificity": ("specificity", "of the real photos, the share called real"),
    "f1": ("F1", "harmonic mean of precision and recall"),
}
_PROBABILITIES = {
    "ece": ("ECE", "how far p_fake is from the share of fakes, on average; lower is better"),
    "brier": ("Brier score", "mean squared error of p_fake; 0.25 is always saying 0.5"),
    "log_loss": ("log loss", "punishes being sure and wrong; 0.693 is always saying 0.5"),
}
_FIGURES = {
    "confusion_matrix": "Verdicts at the threshold, counted.",
    "roc": "Fakes caught against false alarms, over all thresholds.",
    "pr": "How many of those called fake are fake, against how many are caught.",
    "reliability": "Where the line lies on the diagonal, p_fake can be read as a probability.",
    "abstention": "What it gains by answering only where it is sure.",
}
_SHARES = (0.01, 0.1, 0.5)


def render(run: RunContents, limits: Sequence[Limit]) -> str:
    """The page, as HTML.

    Args:
        run: what lies in the run's folder.
        limits: of the run, the worst first.
    """
    parts = [
        f"<h1>{escape(run.name)}</h1>",
        f'<p class="soft">{_about(run)} Written by dfdetect {escape(__version__)}.</p>',
        _verdict(run.metrics, limits),
        *([_tiles(run.metrics)] if run.metrics else []),
        "<h2>Before you rely on it</h2>",
        _limits(limits),
        *(_own_test(run, run.metrics) if run.metrics else []),
        other_data_section(run),
        robustness_section(run),
        _mistakes(run),
        training_section(run),
        "<h2>How the figures were made</h2>",
        _method(),
    ]
    return page(f"{run.name}: report", "\n".join(part for part in parts if part))


def _about(run: RunContents) -> str:
    backbone = f"A detector of fake face photos ({escape(str(run.model['backbone']))})" if run.model else "A detector"
    tested = (run.metrics or {}).get("root")
    on = f", tested on <code>{escape(str(tested))}</code>" if tested else ""
    file = f" Checkpoint <code>{escape(run.checkpoint)}</code>." if run.checkpoint else " Its checkpoint is gone."
    return f"{backbone}{on}.{file}"


def _verdict(result: Results | None, limits: Sequence[Limit]) -> str:
    worst = limits[0].severity if limits else "info"
    sentences = headline(result) if result else ["Its own test part was not judged yet: `dfdetect test`."]
    grave = [limit.title.removesuffix(".") for limit in limits if limit.severity == "leak"]
    if grave:
        sentences.append(f"Do not trust these figures: {grave[0]}.")
    first, *rest = map(with_code, sentences)
    return f'<div class="verdict {worst}"><p><b>{first}</b></p>{"".join(f"<p>{text}</p>" for text in rest)}</div>'


def _tiles(result: Results) -> str:
    alarms, missed = false_alarms(result), misses(result)
    shown = [
        (_number(result.get("auroc")), "AUROC"),
        (_number(result.get("accuracy")), "accuracy"),
        (of_hundred(alarms[0], None) if alarms else "-", "of 100 real photos called fake"),
        (of_hundred(missed[0], None) if missed else "-", "of 100 fakes missed"),
        (f"{result['n']:,}", "test images"),
    ]
    if result.get("n_groups", result["n"]) < result["n"]:
        shown.append((f"{result['n_groups']:,}", "groups of them"))
    return tiles(shown)


def _limits(limits: Sequence[Limit]) -> str:
    found = [limit for limit in limits if limit.severity != "info"]
    open_ends = [limit for limit in limits if limit.severity == "info"]
    cards = "".join(
        card(limit.severity, limit.title, limit.meaning, limit.remedy, word=SEVERITY_WORDS[limit.severity])
        for limit in found
    )
    none = "<p>Nothing was found that limits these figures. That proves no absence of what was not looked for.</p>"
    items = "".join(f"<li>{_item(limit)}</li>" for limit in open_ends)
    listed = f"<h3>Also to know</h3><ul>{items}</ul>" if items else ""
    return (f'<div class="cards">{cards}</div>' if cards else none) + listed


def _item(limit: Limit) -> str:
    parts = [f"<b>{with_code(limit.title.removesuffix('.'))}.</b>", with_code(limit.meaning), with_code(limit.remedy)]
    return " ".join(part for part in parts if part)


def _own_test(run: RunContents, result: Results) -> list[str]:
    counted = f"n = {result['n']:,} images ({result['n_real']:,} real, {result['n_fake']:,} fake)"
    groups = result.get("n_groups")
    grouped = (
        "" if groups is None else f" in {groups:,} groups" if groups < result["n"] else ", each a group of its own"
    )
    temperature = result.get("temperature", 1.0)
    chosen = {"": f"at its threshold {result['threshold']:.3g}"} | (
        {HALF: "at 0.5"} if "accuracy_at_half" in result else {}
    )
    tempered = {"": f"calibrated (temperature {temperature:.3g})", UNCALIBRATED: "uncalibrated"}
    return [
        "<h2>What a verdict is worth</h2>",
        _worth(result),
        "<h2>Test figures</h2>",
        f"<p>{counted}{grouped}; below each figure its 95% interval.</p>",
        "<h3>Verdicts</h3>",
        _metrics(result, _VERDICTS, chosen),
        "<h3>Ranking, over all thresholds</h3>",
        _metrics(result, _RANKING, {"": "value"}),
        "<h3>p_fake as a probability</h3>",
        _metrics(result, _PROBABILITIES, {"": "uncalibrated"} if temperature == 1 else tempered),
        _plots(run.figures),
        groups_section(result),
    ]


def _worth(result: Results) -> str:
    rows = [
        (f"{share:.0%} of the photos", _percent(fake), _percent(real))
        for share, fake, real in worth_of_a_verdict(result, _SHARES)
    ]
    if not rows:
        return "<p>It takes test images of both classes to say.</p>"
    return (
        "<p>The rarer fakes are among the photos that you look at, the more of its alarms are false. By its error "
        "rates in this test, a photo is</p>"
        + table(("where fakes are", "if called fake: fake with", "if called real: real with"), rows)
    )


def _metrics(result: Results, names: Mapping[str, tuple[str, str]], endings: Mapping[str, str]) -> str:
    rows = [
        ((title, meaning), *(_figure(result, name + ending) for ending in endings))
        for name, (title, meaning) in names.items()
        if name in result
    ]
    return table(("metric", *endings.values()), rows)


def _figure(result: Results, name: str) -> tuple[str, str]:
    interval = bounds(result, name)
    return _number(result.get(name)), f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""


def _plots(figures: Mapping[str, bytes]) -> str:
    shown = [plot(figures[stem], caption) for stem, caption in _FIGURES.items() if stem in figures]
    return f'<div class="plots">{"".join(shown)}</div>' if shown else "<p>No figures lie in the run's folder.</p>"


def _mistakes(run: RunContents) -> str:
    if "mistakes" not in run.figures or run.metrics is None:
        return ""
    caption = "The most confident errors, worst first; a frame has the colour of the truth."
    return "<h2>Worst mistakes</h2>" + plot(run.figures["mistakes"], caption, css="", wide=True)


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float) -> str:
    return "-" if value != value else f"{value:.1%}"


def _method() -> str:
    return (
        "<p>fake is the positive class. p_fake is the score in [0, 1]; from the threshold on, a photo is called fake. "
        "Threshold and temperature were fitted on the validation part, never on test images. Intervals are 95%, by "
        "bootstrap of whole groups, since images of one group are no independent evidence; those of a fall between "
        "data sets are by square-and-add (Zou and Donner, 2008). Not one of these figures proves that a photo is fake: "
        "they say how often such verdicts are wrong on data like this.</p>"
    )
