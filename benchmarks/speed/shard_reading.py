"""How fast a stream of WebDataset shards starts and is read, against reading the tar files from front to back.

    python -m benchmarks.speed.shard_reading

A thousand shards of a thousand samples: a medium of random bytes and a text each. Twenty of them are written, the
others are links to these. What is compared is reading alone: nothing is decoded.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.shared.common import print_table, save_result
from jepa_retrieval.training.data.examples import StreamedShards
from jepa_retrieval.training.data.shard_stream import ShardStream

SHARDS, SAMPLES, WRITTEN = 1000, 1000, 20


def main() -> None:
    """Measure in turns and print one table."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as name:
        shards = _write(Path(name), options.kilobytes)
        starts, ours, plain = [], [], []
        for turn in range(options.turns):
            began = time.perf_counter()
            stream = ShardStream(StreamedShards(shards), seed=turn, reader=0, readers=1)
            stream.take()
            starts.append(time.perf_counter() - began)
            ours.append(_rate(stream.take, options.samples))
            samples = _plain(shards)
            plain.append(_rate(lambda samples=samples: next(samples), options.samples))  # type: ignore[misc]
    rows = [
        ["seconds to the first sample", f"{statistics.median(starts):.2f}"],
        ["samples/s of the stream", f"{statistics.median(ours):,.0f}"],
        ["samples/s of the tar files", f"{statistics.median(plain):,.0f}"],
        ["share", f"{100 * statistics.median(ours) / statistics.median(plain):.0f}%"],
    ]
    print_table([f"{SHARDS:,} shards of {SAMPLES:,}, {options.kilobytes} KB a medium", ""], rows)
    print(save_result("shard_reading", {"start": starts, "stream": ours, "tar": plain}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kilobytes", type=int, default=20, help="of a medium")
    parser.add_argument("--samples", type=int, default=10_000, help="read in each turn")
    parser.add_argument("--turns", type=int, default=5)
    return parser.parse_args()


def _write(folder: Path, kilobytes: int) -> tuple[str, ...]:
    paths = [folder / f"{number:05}.tar" for number in range(SHARDS)]
    for number, path in enumerate(paths):
        if number >= WRITTEN:
            path.symlink_to(paths[number % WRITTEN])
            continue
        with tarfile.open(path, "w") as archive:
            for sample in range(SAMPLES):
                stem = f"{number:05}{sample:04}"
                for ending, data in (
                    ("jpg", os.urandom(1024 * kilobytes)),
                    ("txt", b"a caption of five words"),
                ):
                    info = tarfile.TarInfo(f"{stem}.{ending}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
    return tuple(map(str, paths))


def _plain(shards: tuple[str, ...]) -> Iterator[bytes]:
    """Every medium of every shard, and its text."""
    for shard in shards:
        with tarfile.open(shard, "r:") as archive:
            for info in archive:
                file = archive.extractfile(info)
                data = file.read() if file is not None else b""
                if info.name.endswith(".jpg"):
                    yield data


def _rate(read: Callable[[], object], count: int) -> float:
    """A second of the processor, so that other work on the machine does not count."""
    began = time.process_time()
    for _ in range(count):
        read()
    return count / (time.process_time() - began)


if __name__ == "__main__":
    main()
