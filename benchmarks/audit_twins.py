"""How many twins the audit finds, how many of those are true, and what it costs.

    python benchmarks/audit_twins.py reference ROOT    # every pair by SIFT and RANSAC, kept in --work; 20 minutes
    python benchmarks/audit_twins.py recall ROOT       # ours against it: recall, seconds, memory
    python benchmarks/audit_twins.py sample ROOT       # 200 reported pairs as contact sheets, and a CSV to fill in
    python benchmarks/audit_twins.py precision         # from the judged CSV
    python benchmarks/audit_twins.py scale ROOT        # 1,000 to 8,000 images: seconds and the growth's exponent

ROOT is a data root such as $DFDETECT_DATA/ciplab384; `scale` wants $DFDETECT_DATA/dfdc224, and more than half of its
images are altered copies. Each figure of time and memory is of a process that did nothing else.
"""

import argparse
import csv
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from exhaustive_twins import INLIERS, exhaustive, features
from scipy.stats import beta
from tqdm import tqdm

from dfdetect.data.audit.geometry import align, match
from dfdetect.data.audit.groups import join_groups
from dfdetect.data.audit.local_features import mirrored, unit_descriptors
from dfdetect.data.audit.twins import Description, Twin, describe, find_twins
from dfdetect.data.decode import decode
from dfdetect.data.samples import load_samples
from dfdetect.process import prepare_process

LABELS = Path(__file__).with_name("audit_twins_labels.csv")
SAMPLED, PER_SHEET, SHOWN = 200, 10, 240
ORIGINALS = 0.45  # of the images of `scale`; the rest are altered copies, at every size alike

Row = dict[str, str]
Pixels = npt.NDArray[np.uint8]


def files(root: Path) -> tuple[list[str], list[str]]:
    """Paths below the data root, and paths that can be opened."""
    samples = load_samples(root)
    return samples.paths, [samples.file(i) for i in range(len(samples))]


def describe_file(file: str) -> Description:
    """Decode and describe, as a worker of the audit does; one thread, for the workers share the cores."""
    cv2.setNumThreads(1)
    return describe(decode(file))


def describe_all(names: Iterable[str], workers: int) -> list[Description]:
    """Descriptions of all files."""
    with ProcessPoolExecutor(workers) as pool:
        return list(tqdm(pool.map(describe_file, names, chunksize=16), desc="describing", unit="image"))


def interval(hits: int, n: int) -> tuple[float, float]:
    """95% Clopper-Pearson interval of a share."""
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    return round(float(low), 4), round(float(high), 4)


class Cost:
    """Seconds, processor seconds (which other programs on the machine disturb less) and peak memory."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._mark()

    def _mark(self) -> None:
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        self.cpu = sum(one.ru_utime + one.ru_stime for one in usage)
        self.clock = time.perf_counter()

    def of(self, step: str) -> None:
        """What was spent since the last step."""
        cpu, clock = self.cpu, self.clock
        self._mark()
        self.figures[f"{step}_s"] = round(self.clock - clock, 1)
        self.figures[f"{step}_cpu_s"] = round(self.cpu - cpu, 1)
        self.figures["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def write_rows(path: Path, header: str, rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV."""
    with open(path, "w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


def read_rows(path: Path) -> list[Row]:
    """Read a CSV."""
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def reference(root: Path, work: Path, workers: int, flip: bool) -> None:
    """Search all pairs; where that is asked, again with the second image mirrored, and keep the better of both."""
    cost = Cost()
    names, paths = files(root)
    plain = [features(decode(path)) for path in paths]
    found = {(i, j): (n, places, 0) for i, j, n, places in exhaustive(plain, plain, workers)}
    if flip:
        flipped = [features(decode(path), mirror=True) for path in paths]
        for i, j, n, places in exhaustive(plain, flipped, workers):
            found[i, j] = max(found.get((i, j), (0, 0, 0)), (n, places, 1))
    rows = [[names[i], names[j], *facts] for (i, j), facts in sorted(found.items())]
    write_rows(work / f"{root.name}-reference.csv", "first,second,inliers,places,mirrored", rows)
    cost.of("search")
    pairs = len(names) * (len(names) - 1) // 2
    print(json.dumps({"images": len(names), "pairs": pairs, "confirmed": len(rows), **cost.figures}))


def ours(root: Path, work: Path, workers: int) -> list[Row]:
    """Run the audit's search, print what it cost, keep and return the pairs."""
    names, paths = files(root)
    cost = Cost()
    descriptions = describe_all(paths, workers)
    cost.of("describe")
    twins = find_twins(descriptions)
    cost.of("find")
    kept = [_row(names, twin) for twin in twins]
    write_rows(work / f"{root.name}-ours.csv", "first,second,inliers,mirrored,scale,agreement", kept)
    each = sum(one.nbytes() for one in descriptions) / len(descriptions)
    print(json.dumps({"images": len(names), "twins": len(twins), **cost.figures, "bytes_an_image": round(each)}))
    return read_rows(work / f"{root.name}-ours.csv")


def _row(names: list[str], twin: Twin) -> list[Any]:
    mirrored, scale, agreement = int(twin.mirrored), f"{twin.scale:.3f}", f"{twin.agreement:.3f}"
    return [names[twin.first], names[twin.second], twin.inliers, mirrored, scale, agreement]


def recall(root: Path, work: Path, workers: int) -> None:
    """Share of the reference's pairs that ours reports, of all and of those that did not collapse to a few points."""
    rows = ours(root, work, workers)
    confirmed = read_rows(work / f"{root.name}-reference.csv")
    names = files(root)[0]
    place = {name: i for i, name in enumerate(names)}
    pairs = {(row["first"], row["second"]) for row in rows}
    groups = join_groups(len(names), [(place[a], place[b]) for a, b in pairs], paths=names)
    for title, least in (("all", 0), ("in half as many places as inliers, at least", INLIERS // 2)):
        wanted = [row for row in confirmed if int(row["places"]) >= least]
        missed = [row for row in wanted if (row["first"], row["second"]) not in pairs]
        grouped = sum(groups[place[row["first"]]] == groups[place[row["second"]]] != "" for row in wanted)
        hits, n = len(wanted) - len(missed), len(wanted)
        figures = {"recall": round(hits / n, 4), "interval": interval(hits, n), "hits": hits, "n": n}
        print(json.dumps({"confirmed": title, **figures, "in_one_group": round(grouped / n, 4)}))
        for row in missed if least else ():
            print("missed", *row.values())
    print(json.dumps({"images_tied": sum(g != "" for g in groups), "groups": len({g for g in groups if g})}))


def sample(root: Path, work: Path, workers: int) -> None:
    """Draw reported pairs by a hash of their names, so that few are new after a change, for a person to judge."""
    kept = work / f"{root.name}-ours.csv"
    rows = read_rows(kept) if kept.exists() else ours(root, work, workers)
    drawn = sorted(rows, key=lambda row: hashlib.sha256(f"{row['first']} {row['second']}".encode()).digest())[:SAMPLED]
    blank = [[row["first"], row["second"], row["inliers"], ""] for row in drawn]
    write_rows(work / "labels.csv", "first,second,inliers,true", blank)
    for start in range(0, len(drawn), PER_SHEET):
        tiles = [_tile(root, start + i, row) for i, row in enumerate(drawn[start : start + PER_SHEET])]
        tiles += [np.full_like(tiles[0], 255)] * (len(tiles) % 2)
        sheet = np.vstack([np.hstack(tiles[i : i + 2]) for i in range(0, len(tiles), 2)])
        cv2.imwrite(str(work / f"sheet-{start:03d}.png"), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    print(f"{len(drawn)} pairs: judge {work}/sheet-*.png, fill in {work}/labels.csv, save it as {LABELS.name}")


def _tile(root: Path, number: int, row: Row) -> Pixels:
    """A pair, the second mirrored back, then what matches in it, cut from both, the second laid on the first."""
    pictures: list[npt.NDArray[Any]] = [decode(root / row[key]) for key in ("first", "second")]
    one, other = map(describe, pictures)
    if int(row["mirrored"]):
        pictures[1], other = np.ascontiguousarray(pictures[1][:, ::-1]), mirrored(other)
    pairs = match(unit_descriptors(one) @ unit_descriptors(other).T)
    here = one.points[pairs[:, 0]]
    found = align(here, other.points[pairs[:, 1]])
    pictures = [cv2.resize(p, d.shape[::-1]) for p, d in zip(pictures, (one, other), strict=True)]
    cuts: list[npt.NDArray[Any]] = [
        np.full((SHOWN, SHOWN, 3), 255, np.uint8)
    ] * 2  # exact copies by another way than by matching
    if found:
        move, kept = found
        laid = cv2.warpAffine(pictures[1], move, one.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        left, top = np.clip(here[kept].min(axis=0) - 25, 0, None).astype(int)
        right, bottom = (here[kept].max(axis=0) + 25).astype(int)
        cuts = [picture[top:bottom, left:right] for picture in (pictures[0], laid)]
    tile = np.full((SHOWN + 30, 4 * SHOWN + 20, 3), 255, np.uint8)
    tile[30:, : 4 * SHOWN] = np.hstack([cv2.resize(picture, (SHOWN, SHOWN)) for picture in (*pictures, *cuts)])
    text = f"{number}: {row['first']} {row['second']} inliers {row['inliers']} agreement {row['agreement']}"
    return np.asarray(cv2.putText(tile, text, (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA))


def precision(labels: Path) -> None:
    """Share of the judged pairs that are true."""
    judged = [int(row["true"]) for row in read_rows(labels)]
    hits, n = sum(judged), len(judged)
    print(json.dumps({"precision": round(hits / n, 4), "interval": interval(hits, n), "true": hits, "n": n}))


def altered(picture: Pixels, seed: int) -> Pixels:
    """A cropped, perhaps mirrored, recoloured and re-encoded copy."""
    rng = np.random.default_rng(seed)
    side = int(min(picture.shape[:2]) * rng.uniform(0.75, 0.98))
    top, left = (int(rng.integers(0, extent - side + 1)) for extent in picture.shape[:2])
    part = picture[top : top + side, left : left + side, :: -1 if rng.random() < 0.5 else 1] * rng.uniform(0.8, 1.0)
    if rng.random() < 0.3:
        part = part[:, ::-1]
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))]
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(part).astype(np.uint8), quality)[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def describe_numbered(job: tuple[str, int]) -> Description:
    """Describe a file, or an altered copy of it where the number is not 0."""
    cv2.setNumThreads(1)
    picture = decode(job[0])
    return describe(altered(picture, job[1]) if job[1] else picture)


def scale_one(root: Path, size: int, workers: int) -> dict[str, float]:
    """Seconds and memory for `size` images."""
    paths = sorted(files(root)[1], key=lambda path: Path(path).name)  # a fake beside reals, not one class first
    paths = paths[: round(size * ORIGINALS)]
    jobs = [(paths[i % len(paths)], i // len(paths) and i) for i in range(size)]
    cost = Cost()
    with ProcessPoolExecutor(workers) as pool:
        descriptions = list(pool.map(describe_numbered, jobs, chunksize=16))
    cost.of("describe")
    twins = find_twins(descriptions)
    cost.of("find")
    tied = sum(name != "" for name in join_groups(size, [(twin.first, twin.second) for twin in twins]))
    return {"images": size, **cost.figures, "twins": len(twins), "images_tied": tied}


def scale(root: Path, workers: int) -> None:
    """Measure each size in a process of its own and fit seconds = a * images ** exponent."""
    rows = []
    for size in (1000, 2000, 4000, 8000):
        command = [sys.executable, __file__, "scale", str(root), "--size", str(size), "--workers", str(workers)]
        rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
        print(json.dumps(rows[-1]), flush=True)
    sizes = np.log([row["images"] for row in rows])
    for column in ("describe_cpu_s", "find_cpu_s"):
        print(f"exponent of {column}: {np.polyfit(sizes, np.log([row[column] for row in rows]), 1)[0]:.2f}")


def main() -> None:
    """Run one subcommand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["reference", "recall", "sample", "precision", "scale"])
    parser.add_argument("root", type=Path, nargs="?", help="a data root; for `precision` the judged CSV")
    parser.add_argument("--work", type=Path, default=Path("audit-twins"), help="where results are kept")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--mirrored", action="store_true", help="of `reference`: search mirrored pairs too")
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.command == "precision":
        return precision(options.root or LABELS)
    if options.root is None:
        parser.error(f"{options.command} needs ROOT, a data root")
    prepare_process()  # as every command does
    options.work.mkdir(parents=True, exist_ok=True)
    if options.command == "scale":
        if options.size:
            return print(json.dumps(scale_one(options.root, options.size, options.workers)))
        return scale(options.root, options.workers)
    if options.command == "reference":
        return reference(options.root, options.work, options.workers, options.mirrored)
    return {"recall": recall, "sample": sample}[options.command](options.root, options.work, options.workers)


if __name__ == "__main__":
    main()
