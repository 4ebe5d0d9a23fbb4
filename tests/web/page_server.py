"""A server with stand-in models whose faces are marked, in a process of its own, for tests in a browser.

python -m tests.web.page_server FOLDER MODEL...

Each MODEL is a threshold, followed by `b` for a model with an uncertain band. Prints its address and serves until it is
told to stop; whatever it writes on standard error is a failure. (In a process of its own since what Gradio leaves open
would be errors in pytest's.)
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.data.yunet import Face
from dfdetect.deploy import video
from dfdetect.deploy.metadata import UncertainBand
from dfdetect.deploy.photos import Settings
from dfdetect.web import service as services
from dfdetect.web.app import create_app
from dfdetect.web.limits import Limits
from dfdetect.web.options import WebOptions
from dfdetect.web.server import LOCAL_NAMES, Server, listen, log_errors
from dfdetect.web.service import Model, Service
from tests.deploy.standin import FACTS, Standin, find_marked

LIMITS = Limits(upload_bytes=3_000_000, pixels=4_000_000, queue=8, seconds=20.0, threads=2)
BAND = UncertainBand(0.4, 0.6, 0.1, 0.09, 0.8, 500)
TESTED = "test part, n 500: AUROC 0.912"
TRAINING = {"torch", "torchvision", "lightning", "torchmetrics", "sklearn", "albumentations"}
_AT = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)


def find_faces(image: Any, model: str = "") -> list[Face]:
    """Marked faces, with landmarks where a face has them."""
    found: list[Face] = find_marked(image)
    return [replace(one, landmarks=_AT * (one.width, one.height) + (one.left, one.top)) for one in found]


def model_of(text: str) -> Model:
    band = BAND if text.endswith("b") else None
    threshold = float(text.removesuffix("b"))
    facts = replace(FACTS, threshold=threshold, uncertain=band, data_title="drawn faces", test_summary=TESTED)
    return Model(f"from-{threshold:g}", Settings(Standin(facts), "yunet"), "Stand-in, CPU, 1 thread")


def main(folder: Path, models: list[Model]) -> None:
    for module in (services, video):
        vars(module)["search"] = find_faces
    log_errors()
    service = Service(models, LIMITS, folder)
    with listen("127.0.0.1", 0) as sock:
        app = create_app(service, WebOptions(None, LOCAL_NAMES))
        sys.stdout.write(f"http://127.0.0.1:{sock.getsockname()[1]}/\n")
        sys.stdout.flush()
        Server(app, LIMITS, folder).run([sock])
    service.close()
    if loaded := TRAINING & {name.split(".")[0] for name in sys.modules}:
        sys.stderr.write(f"loaded without need: {loaded}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [model_of(text) for text in sys.argv[2:]])
