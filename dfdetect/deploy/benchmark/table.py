"""A benchmark's result as Markdown, and its first sentence."""

from collections.abc import Iterable, Sequence
from typing import Any

BUDGET = {"mobilenet_v2": 6.0}
"""What the best runtime should be on one thread, times PyTorch eager fp32, one picture at a time, by backbone."""

Result = dict[str, Any]


def markdown(result: Result) -> str:
    """Sentence, tables, how it was measured, notes."""
    machine, models = result["machine"], result["models"]
    parts = [
        f"# Benchmark of {len(models)} model{'s' if len(models) > 1 else ''}",
        f"{machine['processor']}, {machine['usable_cores']} usable cores, {machine['system']}, Python "
        f"{machine['python']}, dfdetect {machine['dfdetect']}, {machine['time']}",
        *headlines(result),
        "## Size, memory, start",
        _table(_START_HEADER, map(_start_row, models)),
        "## Latency of one picture, in ms",
        _table(_LATENCY_HEADER, (_latency_row(*pair) for pair in _one_by_one(models))),
        "## Throughput, in pictures a second",
        _throughput(models),
    ]
    if result["images"] is not None:
        parts += ["## Accuracy", _table(_QUALITY_HEADER, map(_quality_row, models))]
        parts.append(f"On {result['images']['which']} ({result['images']['root']}).")
        notes = {note: None for model in models for note in model["quality"]["notes"]}
        parts += [f"Note: {note}" for note in notes]
    parts.append(_how(result))
    return "\n\n".join([*parts, *(f"Note: {note}." for note in result["notes"])]) + "\n"


def headlines(result: Result) -> list[str]:
    """The fastest export of the first row's backbone, and whether the budget is met; nothing without a first row."""
    base = result["models"][0]
    own = [model for model in result["models"] if model["backbone"] == base["backbone"]]
    exported = [model for model in own if model["format"] != "checkpoint"]
    if result["baseline"] is None or not exported:
        return []
    pairs = [(_one_by_one([model])[0][1], model) for model in exported]
    row, best = max(pairs, key=lambda pair: float(pair[0]["speedup"]))
    threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
    slow = _one_by_one([base])[0][1]
    sentence = (
        f"Fastest on {threads}, one picture at a time: **{best['name']}** ({best['engine']}, {best['precision']}), "
        f"{row['p50_ms']:.1f} ms, **{row['speedup']:.1f}x** {base['name']} in {base['engine']} fp32 "
        f"({slow['p50_ms']:.1f} ms)."
    )
    budget = BUDGET.get(base["backbone"])
    if budget is None or row["threads"] != 1:
        return [sentence]
    met = "met" if row["speedup"] >= budget else "missed"
    why = ""
    if met == "missed" and result["machine"]["vnni"] is False:
        why = " This processor has no VNNI, the instructions that int8 has its speed from."
    return [f"{sentence} The budget of {budget:g}x for {base['backbone']} is {met}.{why}"]


_START_HEADER = (
    *("model", "precision", "engine", "MB", "peak MB", "cold start s"),
    *("of it Python", "import", "load", "verdict", "start x", "size x"),
)
_LATENCY_HEADER = ("model", "threads", "p50", "p90", "p99", "calls", "speed-up")
_QUALITY_HEADER = ("model", "AUROC", "95%", "accuracy", "95%", "n", "unreadable")


def _start_row(model: dict[str, Any]) -> list[str]:
    start, ratios = model["cold_start_s"], model["ratios"] or {}
    return [
        *(model["name"], model["precision"], model["engine"], f"{model['size_mb']:.2f}"),
        "-" if model["peak_mb"] is None else f"{model['peak_mb']:.0f}",
        *(f"{start[step]:.2f}" for step in ("total", "python", "import", "load", "verdict")),
        *(_times(ratios.get(name)) for name in ("cold_start", "size")),
    ]


def _one_by_one(models: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each model with each of its rows at batch 1, by numbers of threads."""
    rows = [(model, row) for model in models for row in model["speed"] if row["batch"] == 1]
    order = {row["threads"]: place for place, row in reversed(list(enumerate(row for _, row in rows)))}
    return sorted(rows, key=lambda pair: order[pair[1]["threads"]])


def _latency_row(model: dict[str, Any], row: dict[str, Any]) -> list[str]:
    shares = (f"{row[name]:.2f}" for name in ("p50_ms", "p90_ms", "p99_ms"))
    return [model["name"], str(row["threads"]), *shares, str(row["calls"]), _times(row["speedup"])]


def _throughput(models: Sequence[dict[str, Any]]) -> str:
    batches = sorted({row["batch"] for model in models for row in model["speed"]})
    threads = list(dict.fromkeys(row["threads"] for row in models[0]["speed"]))
    rows = []
    for count in threads:
        for model in models:
            own = {row["batch"]: row for row in model["speed"] if row["threads"] == count}
            cells = [f"{own[batch]['images_s']:.0f} ({_times(own[batch]['throughput_ratio'])})" for batch in batches]
            rows.append([model["name"], str(count), *(cell.replace(" (-)", "") for cell in cells)])
    return _table(["model", "threads", *(f"batch {batch}" for batch in batches)], rows)


def _quality_row(model: dict[str, Any]) -> list[str]:
    quality = model["quality"]
    cells = []
    for metric in ("auroc", "accuracy"):
        interval = quality["intervals"].get(metric)
        cells.append("-" if quality[metric] is None else f"{quality[metric]:.4f}")
        cells.append(f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "-")
    return [model["name"], *cells, str(quality["n"]), str(quality["unreadable"])]


def _how(result: Result) -> str:
    settings, pinned = result["settings"], result["machine"]["pinned_to"]
    cores = "; ".join(f"{count}: {', '.join(map(str, own))}" for count, own in pinned.items() if own)
    kept = f"each process kept on as many cores as its engine has threads (threads: cores {cores})" if cores else ""
    rounds = f"Medians of {settings['rounds']} rounds" if settings["rounds"] > 1 else "One round"
    return (
        f"{rounds} in which the models take turns of {settings['seconds']:g} s, after a "
        f"warm-up, each model in its own process; provider: {settings['provider']}; "
        f"{kept or 'this system pins no process to cores'}. A call goes from prepared uint8 pictures to p_fake and "
        "heatmap; decoding and resizing are not in it. Cold start: from starting a process to its first verdict on a "
        "512-pixel JPEG, with all files in the system's file cache; peak memory: of that process. "
        f"Load of the machine before: {result['machine']['load_1min'] or 'unknown'}."
    )


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2g}x" if ratio < 10 else f"{ratio:.0f}x"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
