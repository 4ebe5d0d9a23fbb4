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
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
from exhaustive_twins import INLIERS, exhaustive, features
from scipy.stats import beta
from tqdm import tqdm
from twins_growth import scale, scale_one
from twins_shared import Cost, Row, files, read_rows, write_rows
from twins_sheets import write_sheets

from dfdetect.data.audit.groups import join_groups
from dfdetect.data.audit.twins import Description, Twin, describe, find_twins
from dfdetect.data.decode import decode
from dfdetect.process import prepare_process

MOST_ENLARGED = 1.5
"""What a twin may be scaled by, as the audit was asked to find it."""
ENLARGED = f"20 inliers of a similarity that enlarges or shrinks by {MOST_ENLARGED} at most"
READINGS: dict[str, Callable[[Row], bool]] = {
    "20 inliers of a homography": lambda row: int(row["inliers"]) >= INLIERS,
    "20 inliers of a similarity": lambda row: int(row["similar"]) >= INLIERS,
    ENLARGED: lambda row: int(row["similar"]) >= INLIERS and 1 / MOST_ENLARGED <= float(row["scale"]) <= MOST_ENLARGED,
    "20 inliers of a homography, in 10 places at least": lambda row: (
        int(row["inliers"]) >= INLIERS and int(row["places"]) >= INLIERS // 2
    ),
    "20 inliers of a homography, in 20 places at least": lambda row: (
        int(row["inliers"]) >= INLIERS and int(row["places"]) >= INLIERS
    ),
}
"""What of the reference may be called confirmed."""
LABELS = Path(__file__).with_name("audit_twins_labels.csv")
SAMPLED = 200


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


def reference(root: Path, work: Path, workers: int, flip: bool) -> None:
    """Search all pairs; where that is asked, again with the second image mirrored, and keep the better of both."""
    cost = Cost()
    names, paths = files(root)
    plain = [features(decode(path)) for path in paths]
    found = {(i, j): (*evidence, 0) for i, j, evidence in exhaustive(plain, plain, workers)}
    if flip:
        flipped = [features(decode(path), mirror=True) for path in paths]
        for i, j, evidence in exhaustive(plain, flipped, workers):
            found[i, j] = max(found.get((i, j), (0, 0, 0, 0.0, 0)), (*evidence, 1))
    rows = [[names[i], names[j], *facts] for (i, j), facts in sorted(found.items())]
    write_rows(work / f"{root.name}-reference.csv", "first,second,inliers,places,similar,scale,mirrored", rows)
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
    """Share of the reference's pairs that ours reports, by each reading of what it confirms."""
    rows = ours(root, work, workers)
    confirmed = read_rows(work / f"{root.name}-reference.csv")
    names = files(root)[0]
    place = {name: i for i, name in enumerate(names)}
    pairs = {(row["first"], row["second"]) for row in rows}
    groups = join_groups(len(names), [(place[a], place[b]) for a, b in pairs], paths=names)
    for title, counts in READINGS.items():
        wanted = [row for row in confirmed if counts(row)]
        missed = [row for row in wanted if (row["first"], row["second"]) not in pairs]
        grouped = sum(groups[place[row["first"]]] == groups[place[row["second"]]] != "" for row in wanted)
        hits, n = len(wanted) - len(missed), len(wanted)
        figures = {"recall": round(hits / n, 4), "interval": interval(hits, n), "hits": hits, "n": n}
        print(json.dumps({"confirmed": title, **figures, "in_one_group": round(grouped / n, 4)}))
        for row in missed if title == ENLARGED else ():
            print("missed", *row.values())
    print(json.dumps({"images_tied": sum(g != "" for g in groups), "groups": len({g for g in groups if g})}))


def sample(root: Path, work: Path, workers: int) -> None:
    """Draw reported pairs by a hash of their names, so that few are new after a change, for a person to judge."""
    kept = work / f"{root.name}-ours.csv"
    rows = read_rows(kept) if kept.exists() else ours(root, work, workers)
    drawn = sorted(rows, key=lambda row: hashlib.sha256(f"{row['first']} {row['second']}".encode()).digest())[:SAMPLED]
    blank = [[row["first"], row["second"], row["inliers"], ""] for row in drawn]
    write_rows(work / "labels.csv", "first,second,inliers,true", blank)
    write_sheets(root, drawn, work)
    print(f"{len(drawn)} pairs: judge {work}/sheet-*.png, fill in {work}/labels.csv, save it as {LABELS.name}")


def precision(labels: Path) -> None:
    """Share of the judged pairs that are true."""
    judged = [int(row["true"]) for row in read_rows(labels)]
    hits, n = sum(judged), len(judged)
    print(json.dumps({"precision": round(hits / n, 4), "interval": interval(hits, n), "true": hits, "n": n}))


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
        return scale(options.root, options.workers, __file__)
    if options.command == "reference":
        return reference(options.root, options.work, options.workers, options.mirrored)
    return {"recall": recall, "sample": sample}[options.command](options.root, options.work, options.workers)


if __name__ == "__main__":
    main()
