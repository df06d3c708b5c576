"""What an hour of video costs to index: core-seconds to decode and to encode, and bytes to store.

    python -m benchmarks.speed.unit_costs [FOLDER] [--model nano]

Times are processor times of all threads, so that other work on the machine matters little. `jepa plan-cluster` plans
with figures of this script: they are the defaults of `jepa_retrieval.tasks.indexing.cluster_plan.UnitCosts`.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path

from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.panda70m import FOLDER
from jepa_retrieval.library import Library
from jepa_retrieval.media import FoundFile, read_windows, scan
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.encoding.files import decode_request
from jepa_retrieval.tasks.encoding.windows import WindowEncoder

BATCH_WINDOWS = 8
# Written once for each index, or derived from the rest; the tables are what grows with the media.
TABLES = ("media.lance", "clips.lance")


def main() -> None:
    """Decode, encode and index a folder of videos, one after the other, and print the cost of an hour."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", help="videos; default: the Panda-70M samples")
    parser.add_argument("--model", default="nano")
    options = parser.parse_args()
    folder = options.folder or shared_data() / FOLDER
    hours, decode, encode = measure_processor(folder, options.model)
    clips, size = measure_storage(folder, options.model)
    rows = [
        ["hours of video", f"{hours:.3f}"],
        ["decode, core-seconds an hour", f"{decode / hours:.0f}"],
        ["encode, core-seconds an hour", f"{encode / hours:.0f}"],
        ["clips an hour", f"{clips / hours:.0f}"],
        ["bytes a clip in the tables", f"{size / clips:.0f}"],
    ]
    print_table(["what", "figure"], rows)
    print(save_result("unit_costs", {"model": options.model, "rows": rows}))


def measure_processor(folder: Path, name: str) -> tuple[float, float, float]:
    """Hours of video in a folder, and the core-seconds that decoding and encoding them takes."""
    model = load_model(name)
    encoder = WindowEncoder(model)
    encoder.prepare()
    seconds = decode = encode = 0.0
    for found in scan(folder):
        if not isinstance(found, FoundFile):
            continue
        windows = read_windows(decode_request(found.path, model, thumbnails=True))
        while True:
            began = time.process_time()
            batch = list(itertools.islice(windows, BATCH_WINDOWS))
            decoded = time.process_time()
            decode += decoded - began
            if not batch:
                break
            encoder.encode(batch)
            encode += time.process_time() - decoded
            seconds += sum((window.end or 0.0) - (window.start or 0.0) for window in batch)
    return seconds / 3600, decode, encode


def measure_storage(folder: Path, name: str) -> tuple[int, int]:
    """Clips of an index of a folder, and the bytes of its tables."""
    with tempfile.TemporaryDirectory() as scratch:
        library = Library.create(folder, index=Path(scratch) / "index", model=name)
        clips = library.index().clips
        library.optimize()
        files = (file for table in TABLES for file in (library.folder / table / "data").rglob("*"))
        return clips, sum(file.stat().st_size for file in files if file.is_file())


if __name__ == "__main__":
    main()
