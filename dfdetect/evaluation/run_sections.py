"""Sections of a run's page that are there only where there is something to show."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from dfdetect.data.samples import CLASS_NAMES
from dfdetect.evaluation.contents import PartCount, Results, RunContents, bounds
from dfdetect.evaluation.limits import fall
from dfdetect.evaluation.limits_of_curves import weakest_points
from dfdetect.evaluation.page import interval_bars, plot, table
from dfdetect.evaluation.page_parts import between, figure
from dfdetect.evaluation.plain_words import apart, cut
from dfdetect.evaluation.robustness_report import extremes

_MOST_ROWS, _NEARLY_ALL = 30, 0.95
_MODEL = (
    "weights",
    "optimizer",
    "lr",
    "weight_decay",
    "scheduler",
    "warmup_epochs",
    "freeze_epochs",
    "label_smoothing",
    "localisation",
)
_DATA = ("batch_size", "blending", "own_fakes", "erase_parts", "class_balance", "split", "split_seed", "folds", "fold")
_TRAINER = (
    "max_epochs",
    "precision",
    "accelerator",
    "devices",
    "accumulate_grad_batches",
    "gradient_clip_val",
    "seed_everything",
)


def groups_section(result: Results) -> str:
    """Accuracy of each source and each value of a column that was asked for, and the worst of them."""
    columns = {"source": result.get("per_source") or {}} | (result.get("per_column") or {})
    shown = [(column, values) for column, values in columns.items() if values]
    if not shown:
        return ""
    parts = ["<h2>By source</h2>" if len(shown) == 1 and shown[0][0] == "source" else "<h2>By source and column</h2>"]
    if worst := result.get("worst_group"):
        interval = worst.get("interval")
        between = f" (95%: {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        said = f"{worst['column']} {worst['value']}: accuracy {worst['accuracy']:.3f}{between}, n = {worst['n']:,}"
        parts.append(f"<p><b>Worst:</b> {escape(said)}.</p>")
    for column, values in shown:
        ranked = sorted(values.items(), key=lambda one: one[1]["accuracy"])[:_MOST_ROWS]
        parts += [f"<h3>{escape(column)}: accuracy</h3>", _accuracy_bars(ranked), _value_table(column, ranked)]
        if len(values) > _MOST_ROWS:
            parts.append(f"<p><small>The worst {_MOST_ROWS} of {len(values):,}.</small></p>")
    parts.append(
        "<p><small>Where all images of a row are of one class, its AUROC ranks them against all of the other class, "
        "and precision and F1 are undefined.</small></p>"
    )
    return "".join(parts)


def other_data_section(run: RunContents) -> str:
    """AUROC on other data sets beside that on the own test part."""
    if not run.others:
        return ""
    own = {"own test part": run.metrics} if run.metrics else {}
    every = own | dict(run.others)
    rows = [_other_row(run, name, result, own=name in own) for name, result in every.items()]
    said = [f"{name}: {result['judged']}." for name, result in every.items() if "judged" in result]
    said += [sentence for name, result in run.others.items() if (sentence := _one_verdict(name, result))]
    header = ("data set", "images", "AUROC", "against the own", "accuracy", "accuracy, best threshold")
    return (
        "<h2>On other data</h2><p>The same detector with the same threshold, on data sets that it was not trained on. "
        "AUROC, from 0 to 1; the line in the middle is guessing.</p>"
        + interval_bars((name, result.get("auroc"), bounds(result, "auroc")) for name, result in every.items())
        + table(header, rows)
        + "".join(f"<p>{escape(sentence)}</p>" for sentence in said)
        + "<p><small>The best threshold is known from those labels only; it shows how far it moves, and is not used."
        "</small></p>"
    )


def robustness_section(run: RunContents) -> str:
    """What common changes of a photo do to the verdicts, on the own test part and on other data sets."""
    own = _curves(run, run.robustness, "robustness") if run.robustness else ""
    others = [
        f"<h3>On {escape(name)}</h3>" + _curves(run, curves, f"robustness of {name}")
        for name, curves in run.others_robustness.items()
    ]
    return "<h2>When photos are changed</h2>" + own + "".join(others) if own or others else ""


def _curves(run: RunContents, curves: Results, stem: str) -> str:
    said = " ".join(escape(sentence) for sentence in extremes(curves))
    rows = [
        (
            f"{point['corruption']} {point['severity']:g}",
            figure(point, "auroc"),
            figure(point, "auroc_change", "+"),
            figure(point, "flips"),
            f"{point['flips_to_fake']:,} / {point['flips_to_real']:,}",
        )
        for point in weakest_points(curves)
    ]
    header = ("corruption, severity", "AUROC", "its change", "flipped verdicts", "to fake / to real")
    return (
        f"<p>{said}</p><p>Of each corruption the severity with the lowest AUROC and the one that flips most verdicts, "
        f"of {curves['n']:,} images:</p>"
        + table(header, rows)
        + _plot(run, stem, "AUROC and flipped verdicts under each corruption, from mild to strong.")
    )


def training_section(run: RunContents) -> str:
    """On what and how it was trained."""
    parts = ["<h2>What it was trained on</h2>"]
    if run.counts:
        parts.append(table(("part", "images", "real", "fake", "groups", "sources"), map(_count_row, run.counts)))
    if run.data.get("blending"):
        parts.append(f"<p>{_blended(run)}</p>")
    if facts := [(name, str(value)) for name, value in _facts(run) if value not in (None, "")]:
        parts.append(table(("fact", "value"), facts))
    else:
        parts.append("<p>The checkpoint is gone, or says nothing of its training.</p>")
    parts += ["<h2>How it was trained</h2>", _commands(run)]
    places = {"model": (run.model, _MODEL), "data": (run.data, _DATA), "trainer": (run.trainer, _TRAINER)}
    settings = [(place, _settings(values, names)) for place, (values, names) in places.items()]
    settings.append(("augment", str(run.trainer.get("augment") or "")))
    if settings := [(place, said) for place, said in settings if said]:
        parts.append(table(("of", "main settings"), settings))
    parts.append(_plot(run, "curves", "Training beside validation, epoch by epoch."))
    return "".join(parts)


def _facts(run: RunContents) -> Iterable[tuple[str, Any]]:
    split, versions = run.split(), run.facts.get("versions") or {}
    prepared = run.facts.get("preprocessing") or {}
    yield "data", split.get("root")
    yield "manifest", run.data.get("manifest")
    yield "layout", split.get("layout")
    yield "split", split.get("kind")
    yield "groups torn by the split", split.get("groups_torn")
    yield "audit", (run.audit or {}).get("file")
    yield "fingerprint of the data", split.get("data_fingerprint")
    yield "fingerprint of the split", split.get("fingerprint")
    yield "fingerprint of the test part", split.get("test_fingerprint")
    yield "preprocessing", ", ".join(f"{name} {value}" for name, value in prepared.items() if value is not None)
    if "calibrated" in run.facts:
        fitted = f"on {run.facts.get('n_calibration', 0):,} validation images"
        yield (
            "threshold and temperature",
            (
                f"{cut(run.facts['threshold'], 4)} and {cut(run.facts['temperature'], 4)}, "
                + (f"fitted {fitted}" if run.facts["calibrated"] else "uncalibrated")
            ),
        )
    yield "epoch of the checkpoint", None if run.epoch is None else f"{run.epoch} (the first is 0)"
    yield "versions", ", ".join(f"{name} {value}" for name, value in versions.items())


def _commands(run: RunContents) -> str:
    if not run.commands:
        return "<p>No command line was noted: it was trained from Python, or by an earlier version.</p>"
    lines = "".join(
        f"<li><code>{escape(command)}</code> <small>{escape(when)} UTC</small></li>" for when, command in run.commands
    )
    return f"<ul>{lines}</ul>"


def _settings(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {values[name]}" for name in names if values.get(name) is not None)


def _count_row(count: PartCount) -> tuple[Any, ...]:
    named = sorted(((n, source) for source, n in count.sources.items() if source), reverse=True)
    sources = ", ".join(f"{source} {n:,}" for n, source in named[:6]) + (
        f", {len(named) - 6} more" if len(named) > 6 else ""
    )
    groups = "-" if count.n_groups is None else count.n_groups
    return count.part, count.n_real + count.n_fake, count.n_real, count.n_fake, groups, sources or "-"


def _blended(run: RunContents) -> str:
    """Self-blended training takes of the training part's images not all that the table counts."""
    own = run.data.get("own_fakes") or 0.0
    beside = "Each real photo was trained on beside a fake blended from itself"
    if own:
        return f"{beside} or, in {own:.0%} of the pairs, beside one of the train part's fakes."
    fakes = {count.part: count.n_fake for count in run.counts}
    unused = "" if fakes.get("train") == 0 else "; the fakes of the train part were not used"
    alone = " So was validated, which chose the checkpoint, its threshold and its temperature."
    return f"{beside}{unused}.{alone if fakes.get('val') == 0 else ''}"


def _accuracy_bars(values: list[tuple[str, Results]]) -> str:
    return interval_bars((value, measured["accuracy"], bounds(measured, "accuracy")) for value, measured in values)


def _value_table(column: str, values: list[tuple[str, Results]]) -> str:
    rows = [
        (value, m["n"], m["n_real"], m["n_fake"], figure(m, "accuracy"), figure(m, "recall"), figure(m, "auroc"))
        for value, m in values
    ]
    return table((column, "images", "real", "fake", "accuracy", "recall", "AUROC"), rows)


def _other_row(run: RunContents, name: str, result: Results, own: bool) -> tuple[Any, ...]:
    change = None if own else fall(run, result)
    moved = ("-", "")
    if result.get("best_threshold") is not None:
        best, stored = apart(result["best_threshold"], result["threshold"])
        where = f"{best}, as stored" if best == stored else f"{best}, not {stored}"
        moved = (f"{result['accuracy_at_best_threshold']:.3f}", where)
    against = ("-", "") if change is None else (f"{change[0]:+.3f}", between(change[1], "+"))
    return name, result["n"], figure(result, "auroc"), against, figure(result, "accuracy"), moved


def _one_verdict(name: str, result: Results) -> str:
    """That nearly all photos got one verdict, which an AUROC does not tell; empty where they did not."""
    matrix = result.get("confusion_matrix") or [[0, 0], [0, 0]]
    called, n = [sum(column) for column in zip(*matrix, strict=True)], sum(map(sum, matrix))
    most = max(called)
    if n == 0 or most < _NEARLY_ALL * n:
        return ""
    verdict = called.index(most)
    wrong, others = matrix[1 - verdict][verdict], sum(matrix[1 - verdict])
    said, is_other = CLASS_NAMES[verdict], CLASS_NAMES[1 - verdict]
    return (
        f"{name}: {most:,} of {n:,} photos are called {said}, whatever they are: so are {wrong:,} of the {others:,} "
        f"that are {is_other}."
    )


def _plot(run: RunContents, stem: str, caption: str) -> str:
    return plot(run.figures[stem], caption, wide=True) if stem in run.figures else ""
