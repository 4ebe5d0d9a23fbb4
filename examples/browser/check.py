"""Does the page say what Python says? Opens it in headless Chromium and gives both the same photos.

python examples/browser/check.py exports/model.onnx photos/*.png [--screenshot page.png]

Needs node, Chromium (CHROMIUM names it where it is not found), and `npm install` in this folder. Prints one JSON
object. Nothing but the standard library drives the browser: its DevTools protocol, over a pipe.
"""

import argparse
import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PACKAGE = FOLDER / "node_modules" / "onnxruntime-web"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe", "--hide-scrollbars"),
)
# the protocol's pipe is descriptors 3 and 4, which Popen cannot choose
_EXEC = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"
)


def find_chromium() -> str | None:
    """The browser's command, or None."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def missing() -> str | None:
    """What the check cannot run without, or None."""
    if os.name != "posix":
        return "the browser's pipe needs a POSIX system"
    if shutil.which("node") is None:
        return "node is not installed"
    if not PACKAGE.is_dir():
        return f"onnxruntime-web is not installed: npm install --prefix {FOLDER}"
    return None if find_chromium() else "Chromium is not installed, and CHROMIUM does not name it"


@contextlib.contextmanager
def served(model: Path) -> Iterator[str]:
    """The page's address while `npm start` serves it with a model."""
    command = ["node", str(FOLDER / "serve.mjs"), "--model", str(model.resolve()), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None or not (line := server.stdout.readline()):
                raise RuntimeError("serve.mjs did not start")
            yield line.split()[0]
        finally:
            server.kill()


class Page:
    """One page in a browser of its own; use it in a `with` block.

    Attributes:
        requests: addresses that were asked for.
        complaints: what the browser complained of, a refused content security policy among it.

    Args:
        url: the page.
        width, height: of its window in CSS pixels.
        dark: whether the system prefers dark colours.
    """

    def __init__(self, url: str, width: int = 412, height: int = 915, dark: bool = False) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._folder, self._session, self._number = tempfile.mkdtemp(), "", 0
        theirs, self._to = _pipe()
        self._from, theirs_too = _pipe()
        command = [sys.executable, "-c", _EXEC, str(theirs), str(theirs_too), str(find_chromium()), *FLAGS]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={self._folder}"], pass_fds=(theirs, theirs_too), stderr=subprocess.DEVNULL
        )
        os.close(theirs)
        os.close(theirs_too)
        self._reader = os.fdopen(self._from, "rb")
        try:
            target = self.send("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.send(f"{domain}.enable")
            self.send(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=2,
                mobile=width < 700,
            )
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            self.send("Emulation.setEmulatedMedia", features=[scheme])
            self.send("Page.navigate", url=url)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser."""
        self._process.kill()
        self._process.wait()
        self._reader.close()
        os.close(self._to)
        shutil.rmtree(self._folder, ignore_errors=True)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol; returns its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        return answer["result"].get("value")

    def wait(self, *states: str, seconds: float = 60) -> str:
        """Wait until the page's state is one of these; returns it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.evaluate("document.body ? document.body.dataset.state : null")
            if state in states:
                return str(state)
            time.sleep(0.02)
        raise TimeoutError(f"the page is still {state!r}, not {' or '.join(states)}; {self.complaints}")

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file in an input, as its user would."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", files=[str(file.resolve())], nodeId=node)

    def judge(self, photo: Path) -> float:
        """p_fake of a photo, by the page."""
        self.evaluate("document.body.dataset.state = 'asked'")
        self.choose("#photo", photo)
        if self.wait("done", "failed") == "failed":
            raise RuntimeError(self.evaluate("document.getElementById('problem').textContent"))
        return float(self.evaluate("document.getElementById('result').dataset.pFake"))

    def screenshot(self, file: Path) -> None:
        """Write a PNG of the whole page."""
        picture = self.send("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        file.write_bytes(base64.b64decode(picture))

    def _read(self) -> dict[str, Any]:
        message = bytearray()
        while (byte := self._reader.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("the browser has ended")
            message += byte
        parsed: dict[str, Any] = json.loads(message)
        return parsed

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(parameters["exceptionDetails"]["text"])


def compare(model: Path, photos: Sequence[Path], screenshot: Path | None = None) -> dict[str, Any]:
    """p_fake of each photo by Python and by the page, and how far they are apart.

    Returns:
        n, max_difference, mean_difference, changed_verdicts, median_ms (of the network's run in the browser), photos:
        path, python and browser of each; and unreadable: path and cause of those that Python cannot read.

    Raises:
        RuntimeError: the page does not work, or none can be read.
    """
    from dfdetect.deploy import Detector

    detector = Detector.load(model)
    rows: list[dict[str, Any]] = []
    unreadable = []
    times = []
    with served(model) as url, Page(url) as page:
        if page.wait("ready", "no-model") == "no-model":
            raise RuntimeError(page.evaluate("document.getElementById('status').textContent"))
        for photo in photos:
            (own,) = detector.predict([photo])
            if own.p_fake is None:
                unreadable.append({"path": str(photo), "error": own.error})
                continue
            rows.append({"path": str(photo), "python": own.p_fake, "browser": page.judge(photo)})
            times.append(float(page.evaluate("parseFloat(document.getElementById('time').textContent)")))
        if screenshot is not None:
            page.screenshot(screenshot)
    if not rows:
        raise RuntimeError(f"none of the {len(photos)} photos can be read")
    apart = [abs(row["python"] - row["browser"]) for row in rows]
    verdicts = [(detector.facts.verdict(row["python"]), detector.facts.verdict(row["browser"])) for row in rows]
    return {
        "n": len(rows),
        "max_difference": max(apart),
        "mean_difference": sum(apart) / len(apart),
        "changed_verdicts": sum(one != other for one, other in verdicts),
        "median_ms": sorted(times)[len(times) // 2],
        "photos": rows,
        "unreadable": unreadable,
    }


def _pipe() -> tuple[int, int]:
    """A pipe whose descriptors are none of 3 and 4."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]


def main() -> int:
    """Compare the photos named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--screenshot", type=Path)
    options = parser.parse_args()
    if reason := missing():
        sys.stderr.write(f"{reason}\n")
        return 1
    sys.stdout.write(json.dumps(compare(options.model, options.photos, options.screenshot), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
