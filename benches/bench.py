#!/usr/bin/env python3
"""Times Kith beside other programs: `./dev bench`.

Both run on all processors, in turn, a pair at a time, and must give the same answer before they are timed.
The other programs are installed into an environment of their own.
"""

import argparse
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "models" / "recipe"))

import make  # noqa: E402  (the recipe lies beside the models)

PARTS = ("facenet", "centerface", "face", "rten", "dlib", "decode", "neighbours", "indexing")
# Takes an hour and 23 GB of room.
ONLY_WHEN_NAMED = ("memory",)


def rows(part, programs, work_dir, photos):
    import engine
    import indexing
    import networks

    if part == "indexing":
        return indexing.indexing(programs, work_dir, photos)
    if part == "memory":
        return indexing.memory(programs, work_dir)
    return (getattr(networks, part, None) or getattr(engine, part))(programs, work_dir)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"what to time: {', '.join(PARTS)}; memory, which reads 10,000 photos, only when named",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--photos", type=int, default=100, metavar="COUNT", help="photos to index, 3 MB each [default: 100]"
    )
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS + ONLY_WHEN_NAMED:
            parser.error(f"there is no part {part}; there are {', '.join(PARTS + ONLY_WHEN_NAMED)}")
    make.WORK.mkdir(exist_ok=True)
    make.enter_venv(make.WORK / "bench-venv", Path(__file__).with_name("requirements.txt"))
    make.fetch()
    work_dir = make.WORK / "bench"
    work_dir.mkdir(exist_ok=True)

    if os.getloadavg()[0] > 1:
        print("Other programs keep this machine busy; the figures will not hold.", file=sys.stderr)
    if not options.json:
        print(f"{'work':48} {'Kith':>11} {'other':>11} {'ratio':>6} {'spread':>6} {'memory':>7}  other program")
    for part in options.parts or PARTS:
        for row in rows(part, options.programs, work_dir, options.photos):
            if options.json:
                print(json.dumps(row, ensure_ascii=False), flush=True)
                continue
            memory = f"{row['peak_mb']} MB" if row["peak_mb"] is not None else "?"
            print(
                f"{row['work']:48} {row['kith_ms']:8} ms {row['peer_ms']:8} ms {row['ratio']:6}"
                f" {row['spread']:6} {memory:>7}  {row['peer']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
