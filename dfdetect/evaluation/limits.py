"""What stands between a run's figures and the world: limits, each found in the results and not written by hand."""

import re
from collections.abc import Iterable, Iterator

from dfdetect.evaluation.contents import Results, RunContents, bounds
from dfdetect.evaluation.intervals import difference_interval
from dfdetect.evaluation.limit import SEVERITIES, Limit, Severity
from dfdetect.evaluation.limits_of_calibration import limits_of_ece, limits_of_temperatures
from dfdetect.evaluation.limits_of_curves import limits_of_curves
from dfdetect.evaluation.plain_words import beside_guessing

_NOTES: tuple[tuple[str, str, Severity, str], ...] = (
    (r"Leak:", "leak", "leak", "Train again with groups that stay together: `--data.split grouped`"),
    (
        r"Taken for a copy of",
        "copy",
        "weak",
        "If these are other photos, give them other names or list them in a manifest, and test again.",
    ),
    (r"Another split than", "another_split", "leak", "Test on the training's own split: `dfdetect test`"),
    (r"These are generated faces", "generated", "strong", "Train and test on photos: `--data.root photos/`"),
    (r"All [\d,]+ images are", "one_class", "strong", "Test on images of both classes."),
    (r"Other preprocessing", "preprocessing", "strong", "Leave out the option that changes it."),
    (
        r"Only [\d,]+ images:",
        "few_images",
        "weak",
        "Judge on more images, or by cross-validation: `dfdetect crossval --folds 5`",
    ),
    (r"One-sided:", "one_sided", "weak", ""),
    (
        r"All [\d,]+ fakes come from",
        "one_source",
        "weak",
        "Test on fakes of other kinds: `dfdetect test --data.root OTHER`",
    ),
    (
        r"Threshold and temperature are uncal",
        "uncalibrated",
        "weak",
        "Fit with a validation part that holds both classes.",
    ),
    (r"The best threshold for these", "threshold_moved", "weak", ""),
    (r"Only [\d,]+ of [\d,]+ images", "part_only", "weak", "Test on all: leave out `--trainer.limit_test_batches`"),
    (r"No face in [\d,]+ of", "faceless", "info", "Look at them: they were judged by their middle, whatever it shows."),
    (r"[\d,]+ of [\d,]+ files could not", "unread", "weak", "See skipped.csv; fetch them again, or take them out."),
)
"""Beginning of a note in metrics.json, the kind of limit that it is, how bad it is, and what mends it."""
_TOLD_ELSEWHERE = r"cross-dataset:|The checkpoint was chosen by"


def find_limits(run: RunContents) -> list[Limit]:
    """All limits of a run, the worst first."""
    found = [*limits_of_own_figures(run), *_of_others(run), *_of_robustness(run), *limits_of_temperatures([run.facts])]
    return worst_first(found)


def worst_first(limits: Iterable[Limit]) -> list[Limit]:
    """Sorted by how bad they are, otherwise in the given order."""
    return sorted(limits, key=lambda limit: SEVERITIES.index(limit.severity))


def limits_of_own_figures(run: RunContents) -> Iterator[Limit]:
    """Limits of the figures on the data that it was trained on: of its test, its training and an audit."""
    yield from _of_notes(run)
    yield from _of_audit(run)
    yield from _of_own_test(run)
    yield from _of_training(run)
    yield from _of_troubles(run)


def fall(run: RunContents, other: Results) -> tuple[float, tuple[float, float] | None] | None:
    """AUROC on another data set minus that on the own test part, with its 95% interval; None where undefined."""
    own = run.metrics or {}
    if own.get("auroc") is None or other.get("auroc") is None:
        return None
    intervals = bounds(other, "auroc"), bounds(own, "auroc")
    between = None
    if intervals[0] and intervals[1]:
        between = difference_interval(other["auroc"], intervals[0], own["auroc"], intervals[1])
    return other["auroc"] - own["auroc"], between


def _of_notes(run: RunContents) -> Iterator[Limit]:
    for note in (run.metrics or {}).get("notes", ()):
        if re.match(_TOLD_ELSEWHERE, note):
            continue
        for beginning, kind, severity, remedy in _NOTES:
            if re.match(beginning, note):
                yield Limit(kind, severity, _title(note), remedy=remedy)
                break
        else:
            yield Limit("note", "info", note)


def _title(note: str) -> str:
    """A note of a leak without that word, since how bad it is stands before each limit anyway."""
    said = note.removeprefix("Leak: ")
    return note if said == note else said[:1].upper() + said[1:]


def _of_own_test(run: RunContents) -> Iterator[Limit]:
    result = run.metrics
    if result is None:
        yield Limit(
            "untested",
            "strong",
            "The run's own test part was not judged",
            "Nothing here says how well the detector does on data like its training data.",
            "`dfdetect test`",
        )
        return
    if guessing := beside_guessing(result):
        low, high = bounds(result, "auroc") or (0.0, 0.0)
        title = f"{guessing.capitalize()}: AUROC {result['auroc']:.3f} (95%: {low:.3f} to {high:.3f})"
        yield Limit("chance", "strong", title, "0.5 is what a coin would get.")
    worst, overall = result.get("worst_group"), result.get("accuracy")
    if worst and overall is not None and worst.get("interval") and worst["interval"][1] < overall:
        low, high = worst["interval"]
        yield Limit(
            "worst_group",
            "weak",
            f"{worst['column']} {worst['value']} fares worse: accuracy {worst['accuracy']:.3f} "
            f"(95%: {low:.3f} to {high:.3f}) of {worst['n']:,} images, {overall:.3f} of all",
            "An overall figure hides it: read the figures by group below.",
        )
    yield from limits_of_ece(result.get("ece"), result["n"] // result.get("folds", 1))


def _of_audit(run: RunContents) -> Iterator[Limit]:
    if run.audit is None:
        if run.facts and not run.is_generated():
            yield Limit(
                "no_audit",
                "info",
                "No audit of the training data was found, beside it or where the training was typed",
                "Copies of a photo on both sides of the split, or a class that shows in the file format, make figures "
                "that do not hold elsewhere.",
                f"`dfdetect audit {run.data.get('manifest') or run.split().get('root') or 'ROOT'}`",
            )
        return
    for finding in run.audit.get("findings", ()):
        mended = (
            run.grouped_by_audit and finding["kind"].startswith("ungrouped_") and not run.split().get("groups_torn")
        )
        if finding["severity"] == "info" or mended:
            continue
        severity, meaning, torn = finding["severity"], finding["meaning"], run.torn.get(finding["kind"])
        if torn is not None:
            severity = severity if torn[0] else "info"
            meaning = f"Of the {finding['n']:,}, {torn[0]:,} lie in two parts of this run's split"
            meaning += f", {torn[1]:,} of them in training and test: learned, and judged." if torn[0] else "."
        yield Limit(
            f"audit_{finding['kind']}", severity, f"Audit of the data: {finding['title']}", meaning, finding["remedy"]
        )


def _of_others(run: RunContents) -> Iterator[Limit]:
    if not run.others:
        yield Limit(
            "no_other_data",
            "info",
            "Only judged on data like its training data",
            "Detectors of fakes often fall to chance on fakes of another kind.",
            "`dfdetect test --data.root OTHER`",
        )
    for name, result in run.others.items():
        change, guessing = fall(run, result), beside_guessing(result)
        interval = change[1] if change else None
        if change and interval and interval[1] < 0:
            yield Limit(
                "cross_dataset_fall",
                "strong",
                f"On {name} it falls by {-change[0]:.3f} to AUROC {result['auroc']:.3f} "
                f"(the fall's 95%: {-interval[1]:.3f} to {-interval[0]:.3f})",
                "What it learned holds for data like its training data only."
                + (f" There {guessing}." if guessing else ""),
                "Train on more kinds of data, or use it on data like its own only.",
            )
        elif guessing:
            yield Limit("cross_dataset_chance", "strong", f"On {name} {guessing}")


def _of_robustness(run: RunContents) -> Iterator[Limit]:
    if run.metrics is not None and run.robustness is None:
        whose = ", but for those of other data" if run.others_robustness else ""
        title = f"Not tried on photos that were saved again, scaled or cropped{whose}"
        meaning = "Messengers and social media do that to every photo."
        yield Limit("no_robustness", "info", title, meaning, "`dfdetect test --robustness`")
    if run.metrics is not None and run.robustness is not None:
        yield from limits_of_curves(run.robustness, "Photos that were changed")
    for name, curves in run.others_robustness.items():
        yield from limits_of_curves(curves, f"Photos of {name} that were changed")


def _of_training(run: RunContents) -> Iterator[Limit]:
    split = run.split()
    if run.model.get("weights") == "none":
        n_train = f"its {split['n_train']:,} training images" if split.get("n_train") else "its training images"
        yield Limit(
            "no_pretrained_weights",
            "weak",
            f"It began with random weights and knows nothing but {n_train}",
            "Pretrained weights usually do better on so few images.",
            "`--model.weights imagenet`",
        )
    knows_no_groups = str(split.get("kind", "")).startswith("random") and all(c.n_groups is None for c in run.counts)
    if run.counts and knows_no_groups and not run.is_generated() and run.audit is None:
        yield Limit(
            "no_groups",
            "weak",
            "The split is random, since no groups are known",
            "A fake and the photo it was made from, or two frames of a video, may lie on both sides of it.",
            "`dfdetect audit ROOT`, then `--data.manifest audit/manifest.csv`",
        )
    prepared = run.facts.get("preprocessing") or {}
    if prepared.get("crop") == "native" and prepared.get("normalise_encoding") is None:
        yield Limit(
            "codec",
            "weak",
            "It saw pixels as each file's codec left them",
            "Where real and fake files were saved in other ways, it may have learned that in place of the forgery.",
            "`--data.normalise_encoding 90`, and `dfdetect audit` says whether files tell the class",
        )
    if run.n_skipped:
        yield Limit("skipped", "info", f"{run.n_skipped:,} files could not be read and were left out; see skipped.csv")


def _of_troubles(run: RunContents) -> Iterator[Limit]:
    for trouble in run.troubles:
        yield Limit("unreadable", "info", f"Left out of this report: {trouble}")
