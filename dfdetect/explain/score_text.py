"""The scores of explanations as text for a terminal, with a sentence on what each comes to."""

from typing import Any

from dfdetect.explain.baselines import OTHER, RELATIVE
from dfdetect.explain.comparing import MAP
from dfdetect.words import counted

_COLUMNS = {
    "energy": "energy inside",
    "pointing_game": "pointing game",
    "auroc_within": "AUROC within",
    "auroc_pooled": "AUROC pooled",
    "auroc_same_part": "AUROC same part",
}
_NAME, _CELL = 16, 24


def score_text(result: dict[str, Any]) -> str:
    """The result of `dfdetect explain-score` as text."""
    head = (
        f"{result['method']} of {result['model']} on {result['data']}: {result['n']} images ({result['n_real']} real, "
    )
    lines = [head + f"{result['n_fake']} fake), {counted(result['n_groups'], 'group')}"]
    parts = (_curves, "curves"), (_pointing, "pointing"), (_sanity, "sanity")
    for written, name in parts:
        lines += ["", *written(result[name])] if result[name] is not None else []
    return "\n".join([*lines, "", *(f"Note: {note}" for note in result["notes"])]).rstrip() + "\n"


def _curves(curves: dict[str, Any]) -> list[str]:
    how = f"fill: {curves['fill']}, {curves['steps']} steps, {curves['n']} images"
    lines = [
        f"Deletion and insertion ({how}): area below the verdict's score",
        f"{'':<{_NAME}}{'deletion (low: good)':<{_CELL}} insertion (high: good)",
    ]
    for name in curves["deletion"]:
        cells = (f"{_cell(curves[way][name]):<{_CELL}} " for way in ("deletion", "insertion"))
        lines.append(f"{name:<{_NAME}}{''.join(cells)}".rstrip())
    lines += [
        f"  {_verdict(curves['deletion'], 'deletion', lower=True)}",
        f"  {_verdict(curves['insertion'], 'insertion')}",
    ]
    return lines


def _pointing(pointing: dict[str, Any]) -> list[str]:
    if not pointing:
        return ["Pointing: of no fake is it known where it was forged."]
    lines = ["Pointing at what was forged (95% intervals over groups)"]
    for subset, found in pointing.items():
        shown = [name for name in _COLUMNS if found.get(name)]
        counts = f"{counted(found['n'], 'fake')}, {counted(found['n_groups'], 'group')}"
        lines.append(f"{subset}: {counts}; forged area {found['area']:.1%}")
        lines.append(f"{'':<{_NAME}}" + "".join(f"{_COLUMNS[name]:<{_CELL}} " for name in shown).rstrip())
        for kind in found["energy"]:
            cells = "".join(f"{_cell(found[name][kind]):<{_CELL}} " for name in shown)
            lines.append(f"{kind:<{_NAME}}{cells}".rstrip())
        lines += [f"  {_verdict(found[name], _COLUMNS[name])}" for name in shown]
    return lines


def _sanity(sanity: dict[str, Any]) -> list[str]:
    columns = {"rank_correlation": "rank correlation", "magnitude": "its magnitude", "structural_similarity": "SSIM"}
    lines = [
        f"Randomised weights: maps beside the trained network's ({sanity['n']} images, {sanity['draws']} draws)",
        f"{'layers drawn anew':<{_NAME + 4}}" + "".join(f"{name:<{_CELL}} " for name in columns.values()).rstrip(),
    ]
    for name, found in sanity["stages"].items():
        label = "none, other picture" if name == OTHER else name
        cells = "".join(f"{_cell(found[column]):<{_CELL}} " for column in columns)
        lines.append(f"{label:<{_NAME + 4}}{cells}".rstrip())
    return lines


def _cell(found: dict[str, Any]) -> str:
    if found["interval"] is None:
        return f"{found['value']:.3f}"
    return f"{found['value']:.3f} ({found['interval'][0]:.3f} to {found['interval'][1]:.3f})"


def _verdict(found: dict[str, Any], name: str, lower: bool = False) -> str:
    """In a sentence, what the map beats; a difference counts where its interval leaves out 0."""
    if all(values.get("difference_interval") is None for values in found.values()):
        return f"{name}: too few groups to tell"
    better, worse, open_ = list[str](), list[str](), list[str]()
    for kind, values in found.items():
        if kind in (MAP, RELATIVE):  # which is no baseline
            continue
        interval = values["difference_interval"]
        if interval is None or interval[0] <= 0 <= interval[1]:
            open_.append(kind)
        else:
            (better if (interval[0] > 0) != lower else worse).append(kind)
    said = [f"better than {_and(better)}"] if better else []
    said += [f"worse than {_and(worse)}"] if worse else []
    said += [f"not told from {_and(open_)}"] if open_ else []
    return f"{name}: {', '.join(said)}"


def _and(names: list[str]) -> str:
    return " and ".join(names)
