"""The page of benchmarks/leaderboard.py: tables with intervals, differences from the first row, and cost."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from leaderboard_results import Test, measure_rows, read_facts, read_test, with_groups_of
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dfdetect.evaluation.canvas import new_figure, save_figure
from dfdetect.evaluation.intervals import percentile_interval, resample_average
from dfdetect.evaluation.metrics import Array
from dfdetect.evaluation.out_of_fold import number_groups

_BLUE, _APART = "#0072B2", 1.035
_MEAN = "other data, mean"
Found = tuple[float, Array, int]
"""A mean over tests, the same in resamples of the groups, and the number of groups."""


def write_report(plan: str, sets: Sequence[Any], names: Sequence[str], saved: Path, page: Path) -> None:
    """Write the page, and its picture as images/PLAN.png beside it.

    Args:
        plan: its name.
        sets: the plan's data sets.
        names: of the rows, the first being what all others are held against.
        saved: where the results are kept.
        page: a Markdown file.
    """
    picture = page.parent / "images" / f"{plan}.png"
    done = [name for name in names if read_test(saved, name, sets[0].name)]
    if not done or done[0] != names[0]:
        raise SystemExit(f"Nothing is saved of {names[0]}, which all others are held against: run it first")
    facts = {name: read_facts(saved, name) for name in done}
    costs = measure_rows(facts)
    columns = [(one.name, [one.name]) for one in sets]
    pairs = [f"{a.name} on {b.name}" for a in sets for b in sets if a is not b]
    if pairs:
        columns.append((_MEAN, pairs))
    measured = {name: {head: measure(saved, name, names[0], tests) for head, tests in columns} for name in done}
    heads = [head for head, _ in columns]
    ranked = sorted(done, key=lambda name: -measured[name][heads[0]][0][0])
    lines = [f"# {plan.replace('_', ' ').capitalize()}", "", *_intro(plan, saved, sets, names[0])]
    reduced = {name: _reduced(saved, name, sets, names[0]) for name in ranked}
    whole = [name for name in ranked if not reduced[name]]
    short = _by_gain(ranked, reduced, measured)
    for title, rows, pretrained in (
        ("Pretrained on ImageNet", whole, True),
        ("From random weights, ranked apart", whole, False),
        (f"At reduced length, ranked apart by what separates them from `{names[0]}`", short, True),
        (f"At reduced length and from random weights, by what separates them from `{names[0]}`", short, False),
    ):
        if group := [name for name in rows if facts[name]["pretrained"] == pretrained]:
            noted = {name: facts[name] | {"about": facts[name]["about"] + reduced[name]} for name in group}
            lines += ["", f"## {title}", "", *_table(group, heads, measured, noted, costs)]
    lines += _first_on_their_folds(saved, [name for name in ranked if reduced[name]], names[0], sets)
    lines += ["", f"![AUROC against the time of a picture]({picture.relative_to(page.parent)})"]
    lines += _pairs(ranked, pairs, lambda name, pair: measure(saved, name, names[0], [pair])[:2])
    lines += _robustness(ranked, facts)
    missing = {name: [one.name for one in sets if not read_test(saved, name, one.name)] for name in names}
    if left := [f"{name} ({', '.join(missing[name])})" if name in done else name for name in names if missing[name]]:
        lines += ["", f"Not run yet: {', '.join(left)}."]
    draw(picture, heads[0], {name: measured[name][heads[0]][0] for name in whole}, facts, costs)
    page.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print(f"Written to {page}")


def measure(saved: Path, row: str, first: str, tests: Sequence[str]) -> tuple[Found, Found | None, int]:
    """Mean AUROC over tests, its difference from the first row's, and how many images were judged.

    The value is NaN where a test is missing. Both rows are measured in the same resamples, and the difference on the
    folds of this one.
    """
    mine, theirs = ([read_test(saved, name, test) for test in tests] for name in (row, first))
    if not all(mine):
        return (float("nan"), np.empty(0), 0), None, 0
    own = [_auroc(test) for test in mine if test]
    n = sum(test.size[0] for test in mine if test)
    plain = _averaged(own)
    if row == first or not all(theirs):
        return plain, None, n
    pairs = [(test, one.only(test.folds)) for test, one in zip(mine, theirs, strict=True) if test and one]
    alike = [_auroc(with_groups_of(test, one)) for test, one in pairs]
    others = [_auroc(one) for _, one in pairs]
    apart = [(a[0] - b[0], a[1] - b[1], a[2]) for a, b in zip(alike, others, strict=True)]
    return plain, _averaged(apart), n


def _reduced(saved: Path, name: str, sets: Sequence[Any], first: str) -> str:
    """What is said of a row of which fewer folds were run than of the first row; empty of any other."""
    said = []
    for one in sets:
        own, whole = (read_test(saved, row, one.name) for row in (name, first))
        if own and whole and len(own.folds) < len(whole.folds):
            said.append(f"{len(own.folds)} of {len(whole.folds)} folds of {one.name}, n {own.size[0]:,}")
    return f" ({'; '.join(said)})" if said else ""


def _first_on_their_folds(saved: Path, names: Sequence[str], first: str, sets: Sequence[Any]) -> list[str]:
    """What the first row has on the folds of those that were run on fewer."""
    said = {}
    for one in sets:
        whole = read_test(saved, first, one.name)
        for own in (read_test(saved, name, one.name) for name in names):
            if own and whole and len(own.folds) < len(whole.folds):
                part = f"{len(own.folds)} of {len(whole.folds)} folds of {one.name}"
                said[part] = f"`{first}` on the same {part}: {_shown(_auroc(whole.only(own.folds)))}."
    return ["", *said.values()] if said else []


def _by_gain(
    names: Sequence[str], reduced: dict[str, str], measured: dict[str, dict[str, tuple[Found, Found | None, int]]]
) -> list[str]:
    """Rows of fewer folds, which are other images than those of all: the largest difference on the first set first."""
    gains = {name: next(iter(measured[name].values()))[1] for name in names if reduced[name]}
    return sorted(gains, key=lambda name: -(gain[0] if (gain := gains[name]) else 0.0))


def _auroc(test: Test) -> Found:
    members, groups = number_groups(test.folds)
    tables = [fold.table(only=("auroc",)) for fold in test.folds]
    value = float(np.mean([table.measure()["auroc"][0] for table in tables]))
    return value, resample_average(list(zip(tables, members, strict=True)), groups)["auroc"], groups


def _averaged(found: Sequence[Found]) -> Found:
    values, drawn, groups = zip(*found, strict=True)
    return float(np.mean(values)), np.mean(np.stack(drawn), axis=0), min(groups)


def _shown(found: Found | None, sign: str = "") -> str:
    if found is None or np.isnan(found[0]):
        return ""
    interval = percentile_interval(found[1], found[2])
    between = f" ({interval[0]:{sign}.3f} to {interval[1]:{sign}.3f})" if interval else ""
    text = f"{found[0]:{sign}.3f}{between}"
    return f"**{text}**" if sign and interval and not interval[0] <= 0 <= interval[1] else text


def _intro(name: str, saved: Path, sets: Sequence[Any], first: str) -> list[str]:
    plan = f" --plan benchmarks/{name}.yaml" if name != "leaderboard" else ""
    folds = ", ".join(f"{one.folds} folds of {one.name}" for one in sets if one.folds)
    return [
        "```bash",
        f"python benchmarks/leaderboard.py run{plan}       # resumable; keeps scores in benchmarks/{saved.name}/",
        f"python benchmarks/leaderboard.py report{plan}    # this page",
        "```",
        "",
        f"AUROC with 95% intervals by group bootstrap ({f'mean over {folds}' if folds else 'one test part each'}; each",
        f"image judged by a detector that has not seen it), and below it what separates it from `{first}` on the same",
        "images, paired (another command may number the groups otherwise and so draw others: on 150 images that moves",
        "a bound by up to 0.005);",
        "bold where the interval leaves out 0. One seed each: another seed is one more source of chance that no",
        "interval here holds. The intervals are not widened for the number of rows: of twenty changes that do",
        "nothing, chance makes one bold. `epoch`: of the checkpoint that validation chose, for each set in turn (of a",
        "cross-validation its first fold's). CPU ms: one picture, one thread, PyTorch eager fp32, all networks in turn",
        "when this page was written (rows that differ in training alone have one network, and one time); MB: the",
        "weights in fp32.",
    ]


def _table(
    names: Sequence[str],
    heads: Sequence[str],
    measured: dict[str, dict[str, tuple[Found, Found | None, int]]],
    facts: dict[str, dict[str, Any]],
    costs: dict[str, dict[str, float]],
) -> list[str]:
    counts = {head: {measured[name][head][2] for name in names} - {0} for head in heads}
    titles = [f"{head}, n {max(counts[head]):,}" if len(counts[head]) == 1 else head for head in heads]
    lines = [
        f"| | epoch | {' | '.join(titles)} | parameters | MB | CPU ms |",
        "|---|" + "---|" * (len(heads) + 4),
    ]
    for name in names:
        own, cost = facts[name], costs[name]
        cells = [
            f"`{name}`: {own['about']}",
            ", ".join(str(own["epochs"].get(head, "-")) for head in heads if own["epochs"] and head != _MEAN),
            *(_cell(*measured[name][head][:2]) for head in heads),
        ]
        cells += [f"{cost['parameters']:,}", f"{cost['megabytes']:.1f}", f"{cost['cpu_ms']:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _pairs(
    names: Sequence[str], pairs: Sequence[str], measured: Callable[[str, str], tuple[Found, Found | None]]
) -> list[str]:
    if not pairs:
        return []
    lines = ["", "## Trained on one, tested on another", ""]
    lines += [f"| | {' | '.join(pairs)} |", "|---|" + "---|" * len(pairs)]
    lines += [f"| `{name}` | {' | '.join(_cell(*measured(name, pair)) for pair in pairs)} |" for name in names]
    return [*lines, "", "All images of the other set; of a cross-validation the first fold's detector."]


def _cell(own: Found, apart: Found | None) -> str:
    difference = _shown(apart, "+")
    return _shown(own) + (f"<br>{difference}" if difference else "")


def _robustness(names: Sequence[str], facts: dict[str, dict[str, Any]]) -> list[str]:
    rows = [(name, data, found) for name in names for data, found in facts[name]["robustness"].items()]
    if not rows:
        return []
    lines = [
        "",
        "## After what happens to photos",
        "",
        "| | data | AUROC | mean change | weakest |",
        "|---|---|---|---|---|",
    ]
    for name, data, found in rows:
        weakest = found["weakest"]
        worst = f"{weakest['auroc']:.3f}, {weakest['corruption']} {weakest['severity']:g}"
        lines.append(f"| `{name}` | {data} | {found['clean']:.3f} | {found['mean_change']:+.3f} | {worst} |")
    count = max(found["points"] for _, _, found in rows)
    return [*lines, "", f"Mean over {count} corruptions of graded severity; of a cross-validation its first fold."]


def draw(
    picture: Path,
    data: str,
    found: dict[str, Found],
    facts: dict[str, dict[str, Any]],
    costs: dict[str, dict[str, float]],
) -> None:
    """AUROC with its interval over the milliseconds of one picture; rows of one network side by side."""
    figure = new_figure(
        f"AUROC on {data} against cost",
        "one picture, one thread, PyTorch eager fp32; 95% intervals",
        (8.0, 5.5),
    )
    times = [costs[name]["cpu_ms"] for name in found]
    limits = (min(times) / 1.5, max(times) * 1.8)  # room for the names
    axes = figure.add_subplot(
        xscale="log",
        xlim=limits,
        xlabel="ms a picture; rows of one network, which have one time, side by side",
        ylabel="AUROC",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(y=0.3)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    for name, (value, drawn, groups) in found.items():
        alike = sorted((one for one in found if costs[one] == costs[name]), key=lambda one: found[one][0])
        drawn_at = costs[name]["cpu_ms"] * _APART ** (alike.index(name) - (len(alike) - 1) / 2)
        interval = percentile_interval(drawn, groups)
        spread = [[value - interval[0]], [interval[1] - value]] if interval else None
        face = _BLUE if facts[name]["pretrained"] else "#ffffff"
        label = "pretrained on ImageNet" if facts[name]["pretrained"] else "from random weights"
        points: dict[str, Any] = {
            "fmt": "o",
            "markersize": 8,
            "capsize": 3,
            "elinewidth": 1,
            "color": _BLUE,
            "markerfacecolor": face,
        }
        axes.errorbar([drawn_at], [value], yerr=spread, label=label, **points)
        top = interval[1] if interval else value
        axes.annotate(name, (drawn_at, top), xytext=(0, 6), textcoords="offset points", rotation=90, ha="center")
    kinds = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(kinds.values(), kinds.keys(), loc="outside lower center", ncols=2, frameon=False)
    save_figure(figure, picture)
