"""The picture of the page in the README: a drawn face on a desktop in light, and on a phone in the dark.

python benchmarks/page_picture.py --model demo.onnx --face-model yunet.onnx --margin 0.24 --out docs/images/page.png

Needs the extras onnx, serve and dev (Playwright), and Chromium on the PATH. The model is one of generated faces
(`dfdetect fit --config demo`, then `dfdetect export`): only drawn faces are shown.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")
DESKTOP = {"viewport": {"width": 1180, "height": 900}, "color_scheme": "light", "device_scale_factor": 1}
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "device_scale_factor": 1}
GAP, PAPER = 28, (255, 255, 255)


@contextmanager
def served(options: argparse.Namespace) -> Iterator[str]:
    """The page's address while the server runs."""
    command = [sys.executable, "-m", "dfdetect", "serve", "--port", "0", "--model", *options.model]
    if options.face_model:
        command += ["--face-model", options.face_model]
    if options.margin is not None:
        command += ["--margin", str(options.margin)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            lines = iter(server.stderr or [])
            yield next(line.split()[2] for line in lines if line.startswith("Serving on "))
        finally:
            server.terminate()


def picture(browser: Any, url: str, sample: int, how: dict[str, Any], height: int) -> Image.Image:
    """The page with the answer to a drawn face, its evidence laid over, from its top to `height` pixels."""
    context = browser.new_context(**how)
    page = context.new_page()
    page.goto(url)
    page.click(f".df-sample >> nth={sample}")
    page.wait_for_selector("#df-answer .df-result")
    page.click(".df-switch")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    time.sleep(1)  # until all has come to rest
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    context.close()
    return shot.crop((0, 0, shot.width, min(height, shot.height)))


def side_by_side(first: Image.Image, second: Image.Image) -> Image.Image:
    """Both on white."""
    height = max(first.height, second.height)
    whole = Image.new("RGB", (first.width + GAP + second.width, height), PAPER)
    whole.paste(first, (0, 0))
    whole.paste(second, (first.width + GAP, 0))
    return whole


def main() -> None:
    """Serve, look, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--face-model", default=os.environ.get("DFDETECT_FACE_MODEL"))
    parser.add_argument("--margin", type=float)
    parser.add_argument("--sample", type=int, default=5, help="which of the page's drawn faces, from 0")
    parser.add_argument("--height", type=int, default=1650, help="pixels of the page that are shown")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with served(options) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        shots = [picture(browser, url, options.sample, how, options.height) for how in (DESKTOP, PHONE)]
        browser.close()
    whole = side_by_side(*shots).quantize(256, Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.FLOYDSTEINBERG)
    whole.save(options.out, optimize=True)
    print(f"{options.out}: {whole.width} x {whole.height}, {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
