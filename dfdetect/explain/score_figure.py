"""The scores of explanations as a figure: both curves, pointing, randomised weights."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfdetect.evaluation.canvas import new_figure, with_legend, write
from dfdetect.explain.baselines import CENTRE, OTHER, RANDOM, RELATIVE
from dfdetect.explain.comparing import MAP
from dfdetect.words import counted

STYLES: dict[str, tuple[str, str]] = {
    MAP: ("#000000", "-"),
    CENTRE: ("#E69F00", "--"),
    RANDOM: ("#808080", ":"),
    OTHER: ("#56B4E9", "-."),
    RELATIVE: ("#009E73", "-"),
}
_MEASURES = {
    "energy": "energy\ninside",
    "pointing_game": "pointing\ngame",
    "auroc_within": "AUROC\nwithin",
    "auroc_pooled": "AUROC\npooled",
    "auroc_same_part": "AUROC\nsame part",
}
_PLAIN: dict[str, Any] = {"color": "#404040", "linewidth": 1.2, "linestyle": "--"}


def score_figure(result: dict[str, Any]) -> Figure:
    """Draw the result of `dfdetect explain-score`: deletion, insertion, pointing, randomised weights."""
    title = f"Is the explanation true? {result['method']} on {result['data']}"
    groups = counted(result["n_groups"], "group")
    note = f"n = {result['n']:,} ({result['n_real']:,} real, {result['n_fake']:,} fake), {groups}"
    figure = new_figure(title, f"{note}; shades and bars are 95% intervals", (10.0, 8.4))
    (deletion, insertion), (pointing, sanity) = figure.subplots(2, 2)
    for axes, way, done, which in (
        (deletion, "deletion", "taken away", "lower is better"),
        (insertion, "insertion", "put back", "higher is better"),
    ):
        if result["curves"] is None:
            _say(axes, way, "not asked for")
        else:
            _draw_curves(axes, result["curves"], way, done, which)
    _draw_pointing(pointing, result["pointing"].get("all"))
    _draw_sanity(sanity, result["sanity"])
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    return with_legend(figure, columns=4)


def _say(axes: Axes, title: str, sentence: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=10)
    write(axes, sentence)


def _draw_curves(axes: Axes, curves: dict[str, Any], way: str, done: str, which: str) -> None:
    share = np.linspace(0, 1, curves["steps"] + 1)
    for name, own in curves["curves"].items():
        colour, style = STYLES[name]
        axes.plot(share, own[way]["mean"], style, color=colour, linewidth=1.6, label=name)
        if name == MAP and None not in own[way]["interval"]:
            low, high = np.array(own[way]["interval"]).T
            axes.fill_between(share, low, high, color=colour, alpha=0.15, linewidth=0)
    value = curves[way][MAP]["value"]
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"share of the picture {done}", ylabel="score of the verdict")
    axes.set_title(f"{way}: area {value:.3f} ({which}); fill: {curves['fill']}", fontsize=10)


def _draw_pointing(axes: Axes, found: dict[str, Any] | None) -> None:
    if found is None:
        return _say(axes, "pointing", "of no fake is it known\nwhere it was forged")
    shown = [name for name in _MEASURES if found.get(name)]
    kinds = list(found["energy"])
    for row, kind in enumerate(kinds):
        values = [found[name][kind] for name in shown]
        height = np.array([value["value"] for value in values])
        bounds = np.array([value["interval"] or [value["value"]] * 2 for value in values]).T
        place = np.arange(len(shown)) + (row - (len(kinds) - 1) / 2) * 0.17
        colour, style = STYLES[kind]
        axes.plot([], [], style, color=colour, linewidth=1.6, label=kind)  # for the legend, which knows lines
        axes.bar(place, height, 0.15, color=colour)
        axes.errorbar(place, height, yerr=np.abs(bounds - height), fmt="none", ecolor="#B00020", elinewidth=1.2)
    chance = [found["area"] if name in ("energy", "pointing_game") else 0.5 for name in shown]
    for middle, level in enumerate(chance):
        axes.plot([middle - 0.45, middle + 0.45], [level, level], label="chance", **_PLAIN)
    axes.set(xticks=range(len(shown)), xticklabels=[_MEASURES[name] for name in shown], ylim=(0, 1))
    axes.set_title(f"pointing at what was forged: {found['n']} fakes, {found['area']:.0%} of the area", fontsize=10)
    return None


def _draw_sanity(axes: Axes, sanity: dict[str, Any] | None) -> None:
    title = "maps after layers were drawn anew"
    if sanity is None:
        return _say(axes, title, "not done: see the notes")
    axes.set_title(title, fontsize=10)
    names = list(sanity["stages"])
    for column, marker, label in (
        ("rank_correlation", "o", "rank correlation"),
        ("structural_similarity", "s", "structural similarity"),
    ):
        values = [sanity["stages"][name][column] for name in names]
        height = np.array([value["value"] for value in values])
        bounds = np.array([value["interval"] or [value["value"]] * 2 for value in values]).T
        place = np.arange(len(names)) + (0.12 if marker == "s" else -0.12)
        colour = "#009E73" if marker == "s" else "#CC79A7"
        axes.errorbar(place, height, yerr=np.abs(bounds - height), fmt="none", ecolor=colour)
        axes.plot(place, height, marker, color=colour, label=label)
    labels = ["other\npicture" if name == OTHER else name.replace("last ", "last\n") for name in names]
    axes.hlines(0, -0.5, len(names) - 0.5, color="#808080", linewidth=0.8)  # no line of the legend
    axes.set(xticks=range(len(names)), xticklabels=labels, ylim=(-0.6, 1.05), ylabel="similarity to the trained map")
    return None
