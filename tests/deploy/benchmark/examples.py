"""A benchmark's result, as small as it can be."""

from typing import Any


def model(name: str, kind: str, ms: float, precision: str = "fp32", auroc: float | None = 0.8) -> dict[str, Any]:
    quality = {
        "n": 1200,
        "n_real": 600,
        "n_fake": 600,
        "threshold": 0.5,
        "auroc": auroc,
        "accuracy": 0.7,
        "notes": ["One note."],
        "unreadable": 3,
        "intervals": {"auroc": [0.75, 0.85], "accuracy": [0.65, 0.75]},
    }
    rows = [(threads, batch) for threads in (1, 2) for batch in (1, 8)]
    return {
        "name": name,
        "file": f"a/{name}",
        "format": kind,
        "precision": precision,
        "backbone": "mobilenet_v2",
        "engine": f"Engine of {kind}",
        "provider": "CPU",
        "input_size": 224,
        "threshold": 0.5,
        "calibrated": True,
        "data_title": "faces",
        "size_mb": ms / 2,
        "peak_mb": 10 * ms,
        "cold_start_s": {"python": 0.1, "import": 0.2, "load": 0.3, "verdict": 0.4, "total": ms / 10},
        "speed": [
            {
                "threads": threads,
                "batch": batch,
                "calls": 500,
                "images_s": 1000 * threads / ms,
                "p50_ms": ms / threads,
                "p90_ms": 1.1 * ms / threads,
                "p99_ms": 2 * ms / threads,
            }
            for threads, batch in rows
        ],
        "quality": quality,
    }


def result(*models: dict[str, Any], baseline: bool = True) -> dict[str, Any]:
    from dfdetect.deploy.benchmark.machine import machine_facts
    from dfdetect.deploy.benchmark.measure import add_ratios

    add_ratios(list(models), baseline)
    return {
        "machine": machine_facts([1]),
        "settings": {"rounds": 5, "seconds": 1.0, "provider": "cpu"},
        "baseline": models[0]["name"] if baseline else None,
        "images": {"root": "photos", "which": "all images"},
        "models": list(models),
        "notes": ["something is so"],
    }
