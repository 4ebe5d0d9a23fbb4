"""Thousands of hostile requests against a running server, and whether it still answers at once.

    python -m tests.web.hostile --model model.onnx --face-model yunet.onnx --count 2000

It starts `dfdetect serve`, sends every attack of `tests.web.attacks` (a few dozen at a time, slow clients beside them),
and in between asks as an honest client. Memory is the server's own, as its `/metrics` says.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dfdetect.data.synthetic import draw_face
from dfdetect.deploy.drawing import as_jpeg
from tests.web.attack import Attack, sent
from tests.web.attacks import attacks

AT_ONCE, PATIENCE_S = 32, 60.0
SECRETS = re.compile(rb"Traceback|site-packages|root:x:|\.py\b|/tmp/|/work/|/home/|0x[0-9a-f]{8}")
"""What no answer may hold."""
OWN_UPLOAD = re.compile(rb'"[^"]*/page/[0-9a-f]{64}/[^"/]*"')
"""But for where an upload of the page lies, by which the page has it judged."""


@dataclass
class Outcome:
    """What came of the attacks.

    Attributes:
        statuses: by kind of attack; `closed` where the server closed without a word, `open` where it waits still.
        leaks: answers that tell of the server.
        honest: seconds of honest requests in between.
        failed: honest requests that were not answered with 200, by status.
    """

    statuses: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    leaks: list[bytes] = field(default_factory=list)
    honest: list[float] = field(default_factory=list)
    failed: Counter[int] = field(default_factory=Counter)


async def assault(port: int, hostile: Iterable[Attack], photo: bytes) -> Outcome:
    """Send all of it; every twentieth time an honest client asks."""
    outcome, places, tasks = Outcome(), asyncio.Semaphore(AT_ONCE), []
    slow_places = asyncio.Semaphore(4 * AT_ONCE)
    for number, attack in enumerate(hostile):
        room = slow_places if attack.pause else places
        await room.acquire()
        task = asyncio.create_task(_attack(port, attack, outcome))
        task.add_done_callback(partial(_leave, room))
        tasks.append(task)
        if number % 20 == 0:
            await ask(port, photo, outcome)
    await asyncio.gather(*tasks)
    return outcome


def _leave(room: asyncio.Semaphore, task: "asyncio.Task[None]") -> None:
    room.release()


async def ask(port: int, photo: bytes, outcome: Outcome) -> None:
    """Ask as an honest client."""
    start = time.monotonic()
    status, _ = await _exchange(port, Attack("honest", (sent(photo),)))
    if status == "200":
        outcome.honest.append(time.monotonic() - start)
    else:
        outcome.failed[int(status) if status.isdigit() else 0] += 1


async def _attack(port: int, attack: Attack, outcome: Outcome) -> None:
    status, answer = await _exchange(port, attack)
    outcome.statuses[attack.kind][status] += 1
    answer = OWN_UPLOAD.sub(b"", answer)
    if found := SECRETS.search(answer):
        outcome.leaks.append(attack.pieces[0][:200] + b" -> " + answer[max(0, found.start() - 100) : found.end() + 100])


async def _exchange(port: int, attack: Attack) -> tuple[str, bytes]:
    """Status (`closed`, `gone`, `open`) and all of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        listening = asyncio.create_task(reader.read()) if attack.reads else None
        try:
            for piece in attack.pieces:
                writer.write(piece)
                await writer.drain()
                if attack.pause:
                    await asyncio.sleep(attack.pause)
                if listening is not None and listening.done():
                    break
        except ConnectionError:
            pass
        if listening is None:
            return "gone", b""
        try:
            answer = await asyncio.wait_for(listening, PATIENCE_S)
        except ConnectionError:
            return "closed", b""
        except TimeoutError:
            return "open", b""
        return (answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/") else "closed"), answer
    finally:
        writer.transport.abort()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--face-model", required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", choices=["on", "off"], default="on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "dfdetect", "serve", "--model", options.model, "--port", "0"]
        command += ["--face-model", options.face_model, "--page", options.page]
        with open(Path(temporary) / "log", "w+") as log:
            process = subprocess.Popen(command, stderr=log, env=os.environ | {"TMPDIR": temporary})
            try:
                return _run(process, Path(temporary), options)
            finally:
                process.kill()
                process.wait()


def _run(process: "subprocess.Popen[bytes]", temporary: Path, options: argparse.Namespace) -> int:
    port = _port(process, temporary / "log")
    photo = as_jpeg(draw_face(0, 3, size=600).image)
    quiet, before = _honest(port, photo), memory(port)
    start = time.monotonic()
    outcome = asyncio.run(assault(port, attacks(options.count, options.seed), photo))
    seconds = time.monotonic() - start
    after = _honest(port, photo)
    for kind, statuses in sorted(outcome.statuses.items()):
        print(f"{kind:<18}{statuses.total():>5}  " + ", ".join(f"{s}: {n}" for s, n in sorted(statuses.items())))
    print(
        f"{options.count:,} hostile requests in {seconds:.0f} s; answers that tell of the server: {len(outcome.leaks)}"
    )
    for leak in outcome.leaks[:5]:
        print(leak)
    for name, one in (("before", quiet), ("meanwhile", outcome), ("after", after)):
        print(f"honest, {name:<10}{_times(one)}; not answered with 200: {dict(one.failed)}")
    print(f"memory: {before / 1e6:.0f} MB before, {memory(port) / 1e6:.0f} MB after")
    left = [file for file in temporary.rglob("*") if file.is_file() and file.name != "log"]
    hanging = gauge(port, "dfdetect_hanging")
    print(f"files left: {len(left)}; sockets: {_sockets(process.pid)}; hanging threads: {hanging:.0f}")
    process.terminate()
    code = process.wait(60)
    log = (temporary / "log").read_text()
    folders = [one.name for one in temporary.iterdir() if one.is_dir()]
    print(f"exit code {code}; tracebacks in the log: {log.count('Traceback')}; folders left: {folders}")
    sys.stdout.write(log[-3000:] if "Traceback" in log else "")
    statuses = sum(outcome.statuses.values(), Counter())
    return int(bool(outcome.leaks or after.failed or code or statuses["500"] or statuses["open"]))


def _honest(port: int, photo: bytes, requests: int = 20) -> Outcome:
    outcome = Outcome()
    for _ in range(requests):
        asyncio.run(ask(port, photo, outcome))
    return outcome


def _times(outcome: Outcome) -> str:
    if not outcome.honest:
        return "none answered"
    times = sorted(outcome.honest)
    middle = times[len(times) // 2]
    return f"n {len(times)}, first {outcome.honest[0]:.3f} s, median {middle:.3f} s, slowest {times[-1]:.3f} s"


def memory(port: int) -> float:
    """Bytes that the server holds."""
    return gauge(port, "process_resident_memory_bytes")


def gauge(port: int, name: str) -> float:
    """A figure of the server's metrics."""
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    _, answer = asyncio.run(_exchange(port, Attack("honest", (request,))))
    found = re.search(rf"^{name} (\S+)$".encode(), answer, re.MULTILINE)
    return float(found[1]) if found else float("nan")


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    while process.poll() is None:
        if found := re.search(r"http://localhost:(\d+)/ ", log.read_text()):
            return int(found[1])
        time.sleep(0.1)
    raise SystemExit(log.read_text())


def _sockets(pid: int) -> int:
    """Sockets that the server holds, where the system tells it."""
    folder = Path(f"/proc/{pid}/fd")
    return sum(os.readlink(one).startswith("socket:") for one in folder.iterdir()) if folder.exists() else -1


if __name__ == "__main__":
    sys.exit(main())
