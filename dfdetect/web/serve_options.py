"""What can be asked of `dfdetect serve`."""

import argparse
import os
from pathlib import Path

from dfdetect.deploy.model_options import add_faces, check_faces
from dfdetect.errors import UsageError
from dfdetect.web.limits import MEGABYTE, Limits

DESCRIPTION = """Serve detectors to people, on a page, and to programs, through an HTTP API.

Only this machine can reach it unless --host says otherwise. Uploads stay on this machine, in a private folder that is
emptied, and the server opens no connection of its own. Page: /  API: /api  Health: /healthz  Prometheus: /metrics
"""
EXAMPLE = """examples:
  dfdetect serve --model model.onnx
  dfdetect serve --model a.onnx b.xml --port 8000
  dfdetect serve --model model.onnx --host 0.0.0.0 --token-file token.txt --page off
"""
DEFAULT_PORT = 7860
TOKEN_VARIABLE = "DFDETECT_TOKEN"  # noqa: S105 - a name, no token
_LEAST_TOKEN = 16


def parser(name: str) -> argparse.ArgumentParser:
    """Of the command line after `dfdetect`."""
    made = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    model = made.add_argument_group("models")
    model.add_argument(
        "--model", nargs="+", type=Path, metavar="FILE", help="exported or checkpoints (default: of the newest run)"
    )
    add_faces(model)
    _add_reach(made.add_argument_group("who may ask"))
    _add_limits(made.add_argument_group("limits"))
    return made


def _add_reach(reach: "argparse._ArgumentGroup") -> None:
    reach.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="0.0.0.0: any machine (default: this)")
    reach.add_argument("--port", type=int, default=DEFAULT_PORT, metavar="N", help=f"0: any (default: {DEFAULT_PORT})")
    reach.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="also answer under NAME, as behind a proxy"
    )
    reach.add_argument("--token", metavar="TOKEN", help=f"that must be shown; better: --token-file, ${TOKEN_VARIABLE}")
    reach.add_argument("--token-file", type=Path, metavar="FILE", help="with the token on its first line")
    reach.add_argument("--page", choices=["on", "off"], default="on", help="off: the API alone, without Gradio")


def _add_limits(group: "argparse._ArgumentGroup") -> None:
    usual = Limits()
    group.add_argument(
        "--max-upload",
        type=float,
        default=usual.upload_bytes / MEGABYTE,
        metavar="MB",
        help=f"of one request (default: {usual.upload_bytes / MEGABYTE:g})",
    )
    group.add_argument(
        "--max-pixels",
        type=float,
        default=usual.pixels / 1e6,
        metavar="MP",
        help=f"megapixels of a picture (default: {usual.pixels / 1e6:g})",
    )
    group.add_argument(
        "--queue", type=int, default=usual.queue, metavar="N", help=f"files that wait (default: {usual.queue})"
    )
    group.add_argument(
        "--timeout", type=float, default=usual.seconds, metavar="S", help=f"of an answer (default: {usual.seconds:g})"
    )
    group.add_argument("--threads", type=int, default=0, metavar="N", help="files judged at once (default: one a core)")


def check(options: argparse.Namespace) -> None:
    """Raise `UsageError` for options that make no sense."""
    bounds = {"max_upload": (0.001, 2000), "max_pixels": (0.001, 100), "timeout": (0.1, 3600)}
    bounds |= {"queue": (0, 10_000), "threads": (0, 256), "port": (0, 65535)}
    for name, (low, high) in bounds.items():
        if not low <= getattr(options, name) <= high:
            raise UsageError(f"--{name.replace('_', '-')} is from {low:g} to {high:g}, not {getattr(options, name)}")
    check_faces(options)


def limits_of(options: argparse.Namespace, threads: int) -> Limits:
    """Limits as asked for."""
    return Limits(
        upload_bytes=round(options.max_upload * MEGABYTE),
        pixels=round(options.max_pixels * 1e6),
        queue=options.queue,
        seconds=options.timeout,
        threads=threads,
    )


def token_of(options: argparse.Namespace) -> str | None:
    """The token from the command line, a file or the environment; None for none.

    Raises:
        UsageError: two at once, no such file, or one that can be guessed.
    """
    if options.token is not None and options.token_file is not None:
        raise UsageError("--token and --token-file: name one of them")
    token = options.token
    if options.token_file is not None:
        try:
            token = options.token_file.read_text("utf-8").partition("\n")[0].strip()
        except (OSError, ValueError) as error:
            raise UsageError(f"--token-file {options.token_file} cannot be read ({error})") from None
    elif token is None:
        token = os.environ.get(TOKEN_VARIABLE) or None
    if token is None:
        return None
    if len(token) < _LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(
            f"A token has at least {_LEAST_TOKEN} characters without spaces, so that nobody guesses it. Make one for "
            "--token-file token.txt: python -c 'import secrets; print(secrets.token_urlsafe())' > token.txt"
        )
    return str(token)
