"""`dfdetect serve`: detectors behind a page and an API."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from dfdetect.deploy.model_options import chosen_face_model
from dfdetect.errors import MissingExtraError, UsageError
from dfdetect.process import prepare_server
from dfdetect.web.serve_options import check, limits_of, parser, token_of

if TYPE_CHECKING:
    from dfdetect.web.service import Model


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options = parser(name).parse_args(arguments)
    check(options)
    token = token_of(options)
    try:
        from dfdetect.web.server import Server, end_on_sigterm, is_local, listen, log_errors, private_folder
    except ImportError as error:
        raise MissingExtraError("serve", "dfdetect serve", error.name or "uvicorn") from error
    from dfdetect.deploy.engines.engine import usable_cores
    from dfdetect.deploy.native import quiet_native
    from dfdetect.web.app import create_app
    from dfdetect.web.options import WebOptions
    from dfdetect.web.seclusion import seclude
    from dfdetect.web.server import LOCAL_NAMES
    from dfdetect.web.service import Service

    prepare_server()
    end_on_sigterm()
    limits = limits_of(options, options.threads or usable_cores())
    with ExitStack() as stack:
        socket = stack.enter_context(listen(options.host, options.port))
        models = _load(options)
        folder = stack.enter_context(private_folder())
        service = stack.enter_context(closing(Service(models, limits, folder)))
        named = frozenset(one.lower() for one in options.allow_host)
        hosts = LOCAL_NAMES | named if is_local(options.host) else named or None
        app = create_app(service, WebOptions(token, hosts, options.page == "on"))
        said = _introduction(options, models, socket.getsockname()[1], token is not None)
        stack.enter_context(quiet_native())
        log_errors()
        seclude()
        Server(app, limits, folder, lambda: print(said, end="", file=sys.stderr, flush=True)).run([socket])
    return 0


def _load(options: argparse.Namespace) -> "list[Model]":
    """The models, each under a name of its own."""
    import cv2

    from dfdetect.deploy.film import tame_codecs
    from dfdetect.deploy.find_model import find_model
    from dfdetect.deploy.photos import Settings
    from dfdetect.deploy.runtime import Detector
    from dfdetect.web.service import Model

    cv2.setNumThreads(1)  # files are worked on side by side; threads within each would only get into each other's way
    tame_codecs()
    faces = chosen_face_model(options)
    files = options.model or [find_model(None)]
    models = []
    for file, name in zip(files, names_of(files), strict=True):
        detector = Detector.load(file, threads=1)
        models.append(Model(name, Settings(detector, faces, options.margin), detector.describe()))
    return models


def names_of(files: Sequence[Path]) -> list[str]:
    """A short name for each file: its stem; if others have that too, with as many of its folders as tell them apart.

    Raises:
        UsageError: a file is named twice.
    """
    paths = [Path(os.path.abspath(file)) for file in files]
    if len(set(paths)) < len(paths):
        raise UsageError("--model names a file twice")
    names = [path.stem for path in paths]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        if len(set(names)) == len(names):
            break
        # with the ending where it alone tells two files of a folder apart
        folders = ["/".join((*path.parent.parts[-depth:], path.stem)) for path in paths]
        names = folders if len(set(folders)) == len(folders) else ["/".join(path.parts[-depth:]) for path in paths]
    return names


def _introduction(options: argparse.Namespace, models: "Sequence[Model]", port: int, guarded: bool) -> str:
    """Where it is, what answers, and who can ask."""
    from dfdetect.web.server import is_local

    host = "localhost" if is_local(options.host) else options.host
    host = f"[{host}]" if ":" in host else host
    lines = [
        f"{model.name}: {model.settings.detector.facts.network}, {model.about}; fake from p_fake "
        f"{model.settings.detector.facts.threshold:.3f}"
        for model in models
    ]
    lines += [f"{model.name}: {model.settings.takes_cuts}" for model in models if model.settings.takes_cuts]
    lines += [
        f"{model.name}: its threshold was never fitted on validation images."
        for model in models
        if not model.settings.detector.facts.calibrated
    ]
    if not is_local(options.host) and not guarded:
        lines.append("Whoever reaches this machine can ask; --token-file FILE asks for a token.")
    lines.append(f"Serving on http://{host}:{port}/ (API: http://{host}:{port}/api). Ctrl-C stops it.")
    return "".join(f"{line}\n" for line in lines)
