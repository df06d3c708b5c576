"""`jepa index --distributed ray` with two workers beside a plain run: the same index, and what it costs.

    python -m benchmarks.speed.distributed [--pairs 3] [--photographs 2000]

The Panda-70M samples and photographs are indexed in new processes, in pairs, in turns first with and first without
workers. The indexes of each pair are compared. At last a run with workers has nothing to do.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.processes import jepa_program, measure
from benchmarks.shared.small_library import Content, make_folder

WITH_WORKERS = ("--distributed", "ray", "--workers", "2")


def main() -> None:
    """Index in pairs, compare, print one table; the status is 1 if indexes differ."""
    options = _arguments()
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        scratch = Path(name)
        media = make_folder(scratch / "media", videos=options.videos, photographs=options.photographs)
        seconds: dict[str, list[float]] = {"plain": [], "workers": []}
        differences: list[str] = []
        for pair in range(options.pairs):
            for kind in ("plain", "workers") if pair % 2 else ("workers", "plain"):
                seconds[kind].append(_index(media, scratch / f"{kind}-{pair}", workers=kind == "workers"))
                print(f"pair {pair}, {kind}: {seconds[kind][-1]:.1f} s", flush=True)
            plain = Content.of(scratch / f"plain-{pair}")
            differences += Content.of(scratch / f"workers-{pair}").difference(plain)
        nothing = _index(media, scratch / f"workers-{options.pairs - 1}", workers=True)
        files, clips = len(plain.files), len(plain.clips)
    ratios = [
        with_them / without for with_them, without in zip(seconds["workers"], seconds["plain"], strict=True)
    ]
    rows = [
        ["files, clips", f"{files:,}, {clips:,}"],
        ["differences", "; ".join(differences) or "none"],
        ["seconds of the plain runs", ", ".join(f"{value:.0f}" for value in seconds["plain"])],
        ["seconds with two workers", ", ".join(f"{value:.0f}" for value in seconds["workers"])],
        ["times the plain run, median", f"{statistics.median(ratios):.2f}"],
        ["seconds of a run with nothing to do", f"{nothing:.1f}"],
    ]
    print_table(["what", "figure"], rows)
    print(save_result("distributed", {"rows": rows, "seconds": seconds, "ratios": ratios}))
    if differences:
        raise SystemExit(1)


def _index(media: Path, index: Path, *, workers: bool) -> float:
    """The seconds that `jepa index` takes."""
    command = [jepa_program(), "index", str(media), "--index", str(index), "--quiet"]
    return measure([*command, *(WITH_WORKERS if workers else ())]).seconds


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--videos", type=int, default=132)
    parser.add_argument("--photographs", type=int, default=2000)
    parser.add_argument("--scratch", type=Path, help="folder for what is made; the system's if left out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
