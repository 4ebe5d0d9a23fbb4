"""Whether the maps of many fakes lie where these were forged, with intervals."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dfdetect.evaluation.exact import Evidence
from dfdetect.evaluation.intervals import resample_average
from dfdetect.evaluation.metrics import Array, Labels, ScoreTable
from dfdetect.explain.cases import Case
from dfdetect.explain.comparing import RESAMPLES, Maps, beside, compared, group_index
from dfdetect.explain.pointing import area_under_roc, energy_inside, hit, part_evidence, pixel_auroc
from dfdetect.explain.truth import Truth

Floats = npt.NDArray[np.float32]


class _Row(NamedTuple):
    """A part of a face: which face, which part, 1 where it was edited."""

    face: int
    part: str
    edited: int


def score_pointing(cases: Sequence[Case], maps: Maps, threshold: float) -> dict[str, Any]:
    """Whether maps lie where fakes were forged.

    Args:
        cases: N of them; those whose forgery is not known are left out.
        maps: theirs.
        threshold: p_fake from which a picture is called fake.

    Returns:
        Of `all` fakes, of those `called fake`, of those in which parts were left as they were (`partly edited`), and of
        each source: n, n_groups, `area` (mean share of the picture that was forged) and, as `compared` gives them,
        `energy`, `pointing_game`, `auroc_within` (of edited against untouched parts of the same face, or of pixels
        where masks are exact; with `n_within`), `auroc_pooled` (of edited against untouched parts of all faces) and
        `auroc_same_part` (the mean of that among right eyes, left eyes, noses and mouths, where no map can gain by
        having more of one part in all faces; both with `n_edited` and `n_untouched`). Empty without any.
    """
    places = [i for i, case in enumerate(cases) if case.truth is not None]
    subsets: dict[str, list[int]] = {"all": places}
    subsets["called fake"] = [i for i in places if cases[i].p_fake >= threshold]
    subsets["partly edited"] = [i for i in places if (truth := cases[i].truth) is not None and truth.partly]
    for source in sorted({cases[i].source for i in places} - {""}):
        subsets[f"source {source}"] = [i for i in places if cases[i].source == source]
    found = {}
    for name, chosen in subsets.items():
        if chosen and (name == "all" or chosen != places):
            own = {kind: [values[i] for i in chosen] for kind, values in maps.items()}
            found[name] = _point([cases[i] for i in chosen], own)
    return found


def _point(cases: Sequence[Case], maps: Maps) -> dict[str, Any]:
    group = group_index(cases)
    truths = [case.truth for case in cases if case.truth is not None]

    def measured(how: Callable[[Floats, Truth], float]) -> dict[str, Array]:
        return {kind: np.array([how(*pair) for pair in zip(own, truths, strict=True)]) for kind, own in maps.items()}

    result: dict[str, Any] = {
        "n": len(cases),
        "n_groups": len(np.unique(group)),
        "area": float(np.mean([truth.mask.mean() for truth in truths])),
        "energy": compared(measured(lambda values, truth: energy_inside(values, truth.mask)), group),
        "pointing_game": compared(measured(lambda values, truth: hit(values, truth.mask)), group),
    }
    return result | _within(measured(_auroc_of), group) | _over_faces(truths, maps, group)


def _within(values: dict[str, Array], group: Labels) -> dict[str, Any]:
    defined = np.isfinite(np.stack(list(values.values()))).all(axis=0)
    found = compared({kind: own[defined] for kind, own in values.items()}, group[defined]) if defined.any() else None
    return {"n_within": int(defined.sum()), "auroc_within": found}


def _auroc_of(values: Floats, truth: Truth) -> float:
    if not truth.parts:
        return pixel_auroc(values, truth.mask)
    evidence = part_evidence(values, truth.parts)
    seen = {name: one for name, one in evidence.items() if np.isfinite(one)}
    edited = [one for name, one in seen.items() if name in truth.edited]
    return area_under_roc(edited, [one for name, one in seen.items() if name not in truth.edited])


def _over_faces(truths: Sequence[Truth], maps: Maps, group: Labels) -> dict[str, Any]:
    """Both measures over faces: each part of each face is a sample, in the group of its face."""
    rows = [
        _Row(place, name, int(name in truth.edited))
        for place, truth in enumerate(truths)
        for name, mask in truth.parts.items()
        if mask.any()
    ]
    parts = [truth.parts for truth in truths]
    evidence = {kind: [part_evidence(*pair) for pair in zip(own, parts, strict=True)] for kind, own in maps.items()}
    by_part = [[row for row in rows if row.part == part] for part in sorted({row.part for row in rows})]
    edited = sum(row.edited for row in rows)
    found: dict[str, Any] = {"n_edited": edited, "n_untouched": len(rows) - edited}
    for measure, sets in (("auroc_pooled", [rows]), ("auroc_same_part", by_part)):
        both = [one for one in sets if len({row.edited for row in one}) == 2]
        found[measure] = _averaged(both, evidence, group) if both else None
    return found


def _averaged(
    sets: Sequence[Sequence[_Row]], evidence: dict[str, list[dict[str, float]]], group: Labels
) -> dict[str, dict[str, Any]]:
    """Mean over sets of rows of their AUROC, for each map."""
    groups, means, drawn = len(np.unique(group)), dict[str, float](), dict[str, Array]()
    for kind, own in evidence.items():
        tables = [_table(rows, own) for rows in sets]
        means[kind] = float(np.mean([table.measure()["auroc"][0] for table in tables]))
        members = [group[[row.face for row in rows]] for rows in sets]
        drawn[kind] = resample_average(list(zip(tables, members, strict=True)), groups, RESAMPLES)["auroc"]
    return beside(means, drawn, group, dict.fromkeys(drawn, Evidence(groups)))


def _table(rows: Sequence[_Row], evidence: list[dict[str, float]]) -> ScoreTable:
    values = np.array([evidence[row.face][row.part] for row in rows])
    # ranks: a score table takes values in [0, 1], and AUROC asks for nothing but their order
    rank = np.unique(values, return_inverse=True)[1] / len(values)
    return ScoreTable(np.array([row.edited for row in rows], np.int64), rank, only=("auroc",))
