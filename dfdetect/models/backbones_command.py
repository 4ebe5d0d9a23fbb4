"""`dfdetect backbones`: what there is to choose from, and what each costs, without building any of them."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from dfdetect.errors import UsageError
from dfdetect.models.backbones import BACKBONES, TIMM, get_backbone
from dfdetect.models.frontends.first_layer import widen
from dfdetect.models.frontends.registry import FRONTENDS, RGB, build_frontend, parts_of
from dfdetect.models.layers import LinearHead, PooledLinearHead

_BYTES = 4
"""Of a weight in fp32."""
_COLUMNS = ("backbone", "front-end", "pixels", "parameters", "MB", "GFLOPs", "heatmap", "export", "int8")
_NOTES = """
parameters, MB: of the detector, with a head of two classes; a checkpoint that a fit can go on from is up to three times
as large. GFLOPs: of one picture of that size, MACs x 2, multiplications and additions of convolutions and matrices, as
torch.utils.flop_counter counts them; publications often call the MACs FLOPs. heatmap: whether an exported file explains
itself; other backbones end in no pooling plus linear layer. export: yes where a test shows that each of ONNX, OpenVINO
and LiteRT decides as the checkpoint does; `untried` ones are proven when they are exported, as every file is.
"""


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser(name).parse_args(arguments)
    parts_of(options.frontend)
    if options.names:
        rows = [measure(one, options.frontend) for one in options.names]  # a mistake in one that was named is an error
    else:
        rows = measure_all(_names(options.timm), options.frontend)
    failed = [row for row in rows if "error" in row]
    if options.json:
        sys.stdout.write(json.dumps(rows, indent=2, allow_nan=False) + "\n")
    else:
        sys.stdout.write(table([row for row in rows if "error" not in row]) + _NOTES + "\n" + frontend_table())
        sys.stdout.write("".join(f"\nNot usable: {row['error']}\n" for row in failed))
    return 0


def measure_all(names: Sequence[str], frontend: str = RGB) -> list[dict[str, Any]]:
    """`measure` of each; in place of its figures an `error` for a network that cannot be used."""
    rows = []
    for name in tqdm(names, desc="Measuring", unit="network", disable=len(names) < 30 or not sys.stderr.isatty()):
        try:
            rows.append(measure(name, frontend))
        except UsageError as error:
            rows.append({"backbone": name, "error": str(error)})
    return rows


def measure(name: str, frontend: str = RGB) -> dict[str, Any]:
    """What a detector with this backbone and front-end costs.

    It is built on torch's meta device, without memory for its weights, and computes only shapes.

    Returns:
        backbone, frontend, input_size in pixels, parameters (those of the head included), megabytes (10^6 bytes in
        fp32, buffers included), flops (of one picture of that size, multiplications and additions apart, so MACs x 2),
        heatmap, formats that it is known to be exported to (None where nobody tried), int8 (whether that is offered),
        weights (where pretrained ones come from).

    Raises:
        UsageError: there is no such backbone, or it cannot see through this front-end.
        MissingExtraError: it is one of timm's, which is not installed.
    """
    spec = get_backbone(name)
    with torch.device("meta"):
        head = PooledLinearHead if spec.form == "map" else LinearHead
        seen, classifier = build_frontend(frontend, *spec.normalisation()), head(spec.channels, spec.dropout)
        widen(backbone := spec.build(), spec, frontend, name)
        network = nn.Sequential(backbone, classifier).eval().requires_grad_(False)
        pixels = torch.empty(1, 3, spec.input_size, spec.input_size)
    with _counted_attention(), FlopCounterMode(display=False) as counter:
        classifier.linear(classifier.pool(backbone(seen(pixels))))
    tensors = [*network.parameters(), *network.buffers()]
    return {
        "backbone": name,
        "frontend": frontend,
        "input_size": spec.input_size,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "megabytes": sum(tensor.numel() for tensor in tensors) * _BYTES / 1e6,
        "flops": counter.get_total_flops(),
        "heatmap": spec.form == "map",
        "formats": None if spec.formats is None else list(spec.formats),
        "int8": spec.form == "map",
        "weights": spec.weights.url or None,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of `measure` as Markdown."""
    return _markdown([_COLUMNS, *(_cells(row) for row in rows)])


def frontend_table() -> str:
    """All front-ends as Markdown."""
    rows = ((name, str(frontend.channels), frontend.sees) for name, frontend in FRONTENDS.items())
    return _markdown([("front-end", "channels", "sees"), *rows])


def _markdown(cells: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    first, *others = (_line([cell.ljust(width) for cell, width in zip(row, widths, strict=True)]) for row in cells)
    return "\n".join([first, _line(["-" * width for width in widths]), *others]) + "\n"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    export = "untried" if row["formats"] is None else ", ".join(row["formats"])
    return (
        row["backbone"],
        row["frontend"],
        str(row["input_size"]),
        f"{row['parameters']:,}",
        f"{row['megabytes']:.1f}",
        f"{row['flops'] / 1e9:.2f}",
        "yes" if row["heatmap"] else "no",
        export,
        "yes" if row["int8"] else "no",
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _names(pattern: str | None) -> list[str]:
    if pattern is None:
        return list(BACKBONES)
    from dfdetect.models.timm_networks import timm_names  # timm is an extra

    names = timm_names(pattern)
    if not names:
        raise UsageError(f"timm has no network called {pattern!r}; a pattern has *: dfdetect backbones --timm '*vit*'")
    return [TIMM + name for name in names]


@contextmanager
def _counted_attention() -> Iterator[None]:
    """Torch's short cut for attention in evaluation mode hides its matrices from whoever counts them."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description="List the backbones for model.backbone, with input size, parameters and the work of one picture, "
        "and the front-ends for model.frontend.",
        epilog="example: dfdetect backbones --timm 'convnext*'",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these, such as my_ideas.small_net of your own")
    parser.add_argument("--timm", metavar="PATTERN", help="those of timm whose names match, with * and ?")
    parser.add_argument("--frontend", default=RGB, metavar="NAME", help="what they see, such as rgb+srm (default: rgb)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    return parser
