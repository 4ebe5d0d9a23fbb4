"""What limits the figures of a cross-validation."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dfdetect.evaluation.contents import CrossvalContents
from dfdetect.evaluation.limit import Limit
from dfdetect.evaluation.limits import limits_of_own_figures, worst_first
from dfdetect.evaluation.limits_of_calibration import limits_of_temperatures

_SPREAD = 0.1
"""AUROC from the lowest to the highest fold from which it gets more than a mention."""


def find_crossval_limits(crossval: CrossvalContents) -> list[Limit]:
    """All limits of a cross-validation, the worst first: those of a run, and those of folds."""
    return worst_first(
        [
            *_unfinished(crossval.result),
            *_of_other_data_between_folds(crossval),
            *map(_without_this_advice, limits_of_own_figures(crossval.as_run())),
            *limits_of_temperatures([run.facts for run in crossval.runs]),
            *_of_spread(crossval.result),
            *_of_one_repetition(crossval.result),
            Limit(
                "own_data_only",
                "info",
                "Only judged on data like its training data, as it lies",
                "Detectors of fakes often fall to chance on other data and on photos that were saved again.",
                "`dfdetect test --ckpt_path FOLD/checkpoints/best.ckpt --data.root OTHER --robustness`",
            ),
        ]
    )


def _without_this_advice(limit: Limit) -> Limit:
    """Who reads of few images here has cross-validated already."""
    return replace(limit, remedy="Judge on more images.") if limit.kind == "few_images" else limit


def _unfinished(result: dict[str, Any]) -> Iterator[Limit]:
    wanted = result["folds"] * result["repeats"]
    if result["finished"] < wanted:
        yield Limit(
            "unfinished",
            "strong",
            f"Only {result['finished']} of {wanted} folds are finished: {result['n']:,} images were tested so far",
            "The figures will change.",
            "Type the same `dfdetect crossval` again: it goes on.",
        )


def _of_other_data_between_folds(crossval: CrossvalContents) -> Iterator[Limit]:
    splits = [run.split() for run in crossval.runs]
    if len({split["data_fingerprint"] for split in splits if "data_fingerprint" in split}) > 1:
        yield Limit(
            "other_data",
            "strong",
            "The folds were trained on different data: files or labels changed between them",
            "An image may have been in the training of the detector that judged it under another name.",
            "Start again in another folder: `dfdetect crossval --out DIR`",
        )
    versions = {str(run.facts["versions"]) for run in crossval.runs if "versions" in run.facts}
    if len(versions) > 1:
        yield Limit("versions", "info", f"The folds were trained with {len(versions)} different sets of versions")


def _of_spread(result: dict[str, Any]) -> Iterator[Limit]:
    spread = result["spread"].get("auroc")
    if spread and spread["max"] - spread["min"] >= _SPREAD:
        yield Limit(
            "spread",
            "weak",
            f"The folds differ: AUROC from {spread['min']:.3f} to {spread['max']:.3f} (sd {spread['sd']:.3f})",
            "A detector that you train on such data may be as good or as bad as any of them.",
            "Train on more data, or repeat with other folds and seeds: `--repeats 3`",
        )


def _of_one_repetition(result: dict[str, Any]) -> Iterator[Limit]:
    if result["repeats"] == 1:
        yield Limit(
            "one_repetition",
            "info",
            "Each image was judged by one detector",
            "What other folds and other seeds would change is in no interval here.",
            "`dfdetect crossval ... --repeats 3`",
        )
