import math
import re

import pytest

from dfdetect.web.metrics import BUCKETS, Histogram, Metrics

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABELS = r'\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\}'
_SAMPLE = re.compile(rf"({_NAME})({_LABELS})? (\S+)")


def read(text: str) -> dict[str, float]:
    """A strict reader of the text format: each sample below the TYPE of its family, none twice, families unbroken."""
    assert text.endswith("\n")
    samples: dict[str, float] = {}
    family, kind, seen = "", "", set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family, kind = line.split(" ", 3)[2], ""
            assert family not in seen, f"{family} stands there twice"
            seen.add(family)
        elif line.startswith("# TYPE "):
            _, _, named, kind = line.split(" ")
            assert named == family
            assert kind in ("counter", "gauge", "histogram")
        else:
            found = _SAMPLE.fullmatch(line)
            assert found, line
            endings = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            assert found[1] in [family + ending for ending in endings], line
            key = found[1] + (found[2] or "")
            assert key not in samples
            samples[key] = float(found[3])
    return samples


def test_counts_come_out_in_the_format():
    metrics = Metrics()
    for seconds in (0.005, 0.2, 100.0):
        metrics.request("detect", 200, seconds)
    metrics.request("page", 404, 5.0)
    metrics.judged(0.03)
    metrics.failure("unreadable")
    metrics.verdict('odd "name"\\\n', "fake")
    samples = read(metrics.text({"depth": ("How deep.", 3)}))
    assert samples['dfdetect_requests_total{route="detect",status="200"}'] == 3
    assert samples['dfdetect_requests_total{route="page",status="404"}'] == 1
    assert samples['dfdetect_failed_files_total{type="unreadable"}'] == 1
    assert samples['dfdetect_verdicts_total{model="odd \\"name\\"\\\\\\n",verdict="fake"}'] == 1
    assert samples["dfdetect_request_seconds_count"] == 3
    assert samples["dfdetect_request_seconds_sum"] == pytest.approx(100.205)
    assert samples['dfdetect_request_seconds_bucket{le="+Inf"}'] == 3
    assert samples['dfdetect_request_seconds_bucket{le="0.01"}'] == 1
    assert samples["depth"] == 3
    assert samples["process_resident_memory_bytes"] > 1e6 or math.isnan(samples["process_resident_memory_bytes"])


def test_buckets_are_cumulative_and_hold_their_upper_end():
    histogram = Histogram()
    for end in BUCKETS:
        histogram.add(end)
    counts = [int(line.rsplit(" ", 1)[1]) for line in histogram.lines("x") if "_bucket" in line]
    assert counts == [*range(1, len(BUCKETS) + 1), len(BUCKETS)]


def test_the_server_s_own_are_valid(client, fake_png):
    client.form(("file", fake_png, "a"), ("file", b"x", "b"))
    reply = client.ask("GET", "/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = read(reply.body.decode())
    assert samples["dfdetect_queue_limit"] == 8
    assert samples["dfdetect_working"] == 0
    assert samples['dfdetect_verdicts_total{model="red",verdict="fake"}'] >= 1
    assert samples['dfdetect_failed_files_total{type="unreadable"}'] >= 1
