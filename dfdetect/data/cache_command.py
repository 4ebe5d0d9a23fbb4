"""`dfdetect cache`: show or clear the decoded pixels that trainings keep on disk."""

import argparse
import json
import sys
from pathlib import Path

from dfdetect.data.cache import cache_usage, clear_cache, pixel_folder


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}", description=__doc__, epilog="example: dfdetect cache --clear"
    )
    parser.add_argument(
        "--clear", action="store_true", help="remove all cached pixels; they are made again when needed"
    )
    parser.add_argument(
        "--dir", type=Path, help="cache folder, as in --data.cache_dir; default: the user's cache folder"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    usage = clear_cache(options.dir) if options.clear else cache_usage(options.dir)
    folder = pixel_folder(options.dir)
    if options.json:
        answer = {"folder": str(folder), "files": usage.files, "bytes": usage.bytes, "cleared": options.clear}
        sys.stdout.write(json.dumps(answer) + "\n")
    else:
        verb = "removed" if options.clear else "holds"
        sys.stdout.write(f"{folder} {verb} {usage.files} images, {usage.bytes / 2**20:.1f} MiB\n")
    return 0
