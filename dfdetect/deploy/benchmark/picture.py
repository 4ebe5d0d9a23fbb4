"""How well a model does against how long it takes."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from dfdetect.evaluation.canvas import drawable, message_figure, new_figure, shorten

_COLOURS = {"checkpoint": "#000000", "onnx": "#0072B2", "openvino": "#009E73", "litert": "#E69F00"}
_MARKERS = {"fp32": "o", "fp16": "s", "int8": "^"}
_METRICS = {"auroc": "AUROC", "accuracy": "accuracy at its own threshold"}


def accuracy_against_latency(result: dict[str, Any], title: str = "Accuracy against latency") -> Figure:
    """Draw AUROC and accuracy, with 95% intervals, over the median latency of one picture (log scale).

    Args:
        result: of a benchmark with `quality` in each model; the latency is that of the first number of threads.
        title: first line.
    """
    drawn = [model for model in result["models"] if model["quality"]["auroc"] is not None]
    threads = result["models"][0]["speed"][0]["threads"]
    note = f"n = {result['models'][0]['quality']['n']:,}, {threads} thread{'s' if threads > 1 else ''}, one at a time"
    if not drawn:
        return message_figure(title, note, "All images are of one class:\nAUROC is undefined.")
    figure = new_figure(title, note, (10.0, 5.0 + 0.22 * len(drawn)))
    for place, (metric, words) in enumerate(_METRICS.items(), start=1):
        axes = figure.add_subplot(1, 2, place, xscale="log", xlabel="ms a picture (median)", ylabel=words)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, which="both", axis="x", color="#dddddd", linewidth=0.6)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
        for model in drawn:
            _draw(axes, model, metric)
        low, high = axes.get_xlim()
        axes.set_xlim(low / 1.15, high * 1.15)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _draw(axes: Axes, model: dict[str, Any], metric: str) -> None:
    value, interval = model["quality"][metric], model["quality"]["intervals"].get(metric)
    spread = [[value - interval[0]], [interval[1] - value]] if interval else None
    axes.errorbar(
        [model["speed"][0]["p50_ms"]],
        [value],
        yerr=spread,
        color=_COLOURS[model["format"]],
        marker=_MARKERS[model["precision"]],
        markersize=8,
        capsize=3,
        elinewidth=1,
        linestyle="none",
        label=drawable(f"{shorten(model['name'], 40)} ({model['precision']})"),
    )
