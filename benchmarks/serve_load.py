"""What `dfdetect serve` does under load: latency, images a second and memory, beside the same detector called directly.

python benchmarks/serve_load.py --model model-int8.onnx --face-model yunet.onnx [--clients 32] [--seconds 60]

Photos: 64 generated faces of 600 x 600 pixels (JPEG), or those of a folder. The baseline decodes, finds, cuts out and
judges the same photos in this process with as many threads as the server has, before and after the server's turn, since
a machine is seldom alike for minutes. The clients send one photo a request, over connections that they keep, and run on
the same cores: what they cost is part of the server's figures. Memory is the server's own, as its /metrics says.
Figures of a machine that does other work are no figures.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np

from dfdetect.data.decode import IMAGE_SUFFIXES, decode
from dfdetect.data.synthetic import draw_face
from dfdetect.deploy import Detector
from dfdetect.deploy.drawing import as_jpeg
from dfdetect.deploy.engines.engine import usable_cores
from dfdetect.deploy.photos import Settings, look
from dfdetect.web.limits import Limits

PHOTOS, BASELINE_S, SAMPLE_S = 64, 10.0, 1.0
HEAD = "POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=edge\r\n"
PART = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n\r\n'


@dataclass
class Load:
    """What the clients saw, and what the server said of its memory."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)


def direct(options: argparse.Namespace, photos: Sequence[bytes], seconds: float) -> float:
    """Photos a second of the same detector, without a server."""
    settings = Settings(Detector.load(options.model, threads=1), options.face_model)
    cv2.setNumThreads(1)
    done = [0] * options.threads
    look(decode(photos[0]), settings)
    start = time.perf_counter()
    end = start + seconds

    def work(number: int) -> None:
        for photo in cycle(photos):
            if time.perf_counter() >= end:
                return
            look(decode(photo), settings)
            done[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(options.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - start)


@contextmanager
def server(options: argparse.Namespace) -> Iterator[tuple[int, float]]:
    """Port of a running server, and the seconds that its start took."""
    command = [sys.executable, "-m", "dfdetect", "serve", "--model", options.model, "--face-model", options.face_model]
    command += ["--port", "0", "--page", options.page, "--threads", str(options.threads), "--queue", str(options.queue)]
    start = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(r"http://localhost:(\d+)/ ", line):
                    yield int(found[1]), time.perf_counter() - start
                    break
            else:
                raise SystemExit("the server did not start")
        finally:
            process.terminate()
    print(f"server ended with exit code {process.returncode}")


async def load(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    """So many clients, each with its next request as soon as the last is answered."""
    seen, end = Load(), time.perf_counter() + seconds
    sampling = asyncio.create_task(_sample(port, seen))
    await asyncio.gather(*(_client(port, requests[n::clients] or requests, end, seen) for n in range(clients)))
    sampling.cancel()
    return seen


async def _client(port: int, requests: Sequence[bytes], end: float, seen: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in cycle(requests):
        if time.perf_counter() >= end:
            break
        start = time.perf_counter()
        status, _ = await _ask(reader, writer, request)
        seen.seconds.append(time.perf_counter() - start)
        seen.statuses[status] += 1
        if status == 429:
            await asyncio.sleep(1.0)  # as Retry-After says
    writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head)
    body = await reader.readexactly(int(found[1]) if found else 0)
    return int(head[9:12]), body


async def _sample(port: int, seen: Load) -> None:
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        _, text = await _ask(reader, writer, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        writer.close()
        if found := re.search(rb"^process_resident_memory_bytes (\S+)$", text, re.MULTILINE):
            seen.memory.append(float(found[1]))
        await asyncio.sleep(SAMPLE_S)


def photos_of(folder: Path | None) -> list[bytes]:
    """The contents to send."""
    if folder is None:
        return [as_jpeg(draw_face(0, number, size=600).image) for number in range(PHOTOS)]
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
    return [file.read_bytes() for file in files[:PHOTOS]]


def request_of(photo: bytes) -> bytes:
    """A whole request with one file."""
    body = PART + photo + b"\r\n--edge--\r\n"
    return f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body


def tell(seen: Load, options: argparse.Namespace, baseline: float) -> int:
    """Print the figures; returns 1 for answers other than 200 and 429."""
    times = np.array(seen.seconds)
    rate = seen.statuses[200] / options.seconds
    p50, p99 = np.quantile(times, [0.5, 0.99])
    memory = np.array(seen.memory) / 1e6
    middle = memory[len(memory) // 2 :]
    growth = np.polyfit(np.arange(len(middle)) * SAMPLE_S / 60, middle, 1)[0] if len(middle) > 2 else float("nan")
    print(f"{options.clients} clients, {options.seconds:g} s: {dict(sorted(seen.statuses.items()))}")
    print(f"latency: p50 {p50:.3f} s, p99 {p99:.3f} s, slowest {times.max():.3f} s")
    print(f"images/s: {rate:.1f} of the server, {baseline:.1f} called directly ({rate / baseline:.0%})")
    print(
        f"memory: {memory[0]:.0f} MB at first, {memory.max():.0f} at most, {memory[-1]:.0f} at the end; "
        f"{growth:+.1f} MB a minute over the second half"
    )
    return int(bool(set(seen.statuses) - {200, 429}))


def main() -> int:
    """Run the baseline, the server under load, the baseline again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    named = os.environ.get("DFDETECT_FACE_MODEL")
    parser.add_argument("--face-model", default=named, required=named is None)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--queue", type=int, default=Limits().queue)
    parser.add_argument("--page", choices=["on", "off"], default="on")
    options = parser.parse_args()
    photos = photos_of(options.photos)
    before = direct(options, photos, BASELINE_S)
    with server(options) as (port, start):
        print(f"server up in {start:.1f} s")
        asyncio.run(load(port, [request_of(photo) for photo in photos], 2, 2.0))  # warm
        seen = asyncio.run(load(port, [request_of(photo) for photo in photos], options.clients, options.seconds))
    after = direct(options, photos, BASELINE_S)
    print(f"called directly: {before:.1f} images/s before, {after:.1f} after")
    return tell(seen, options, (before + after) / 2)


if __name__ == "__main__":
    sys.exit(main())
