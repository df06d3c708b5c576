"""How fast is `jepa watch` on a 720p file, and what does it do with a live stream that is too fast?

    python -m benchmarks.speed.watch_speed [--minutes 10] [--rate 2] [--paces 1 10 20 40]

The file is joined from shared clips, h264 with the encoder's own key frames. `jepa watch` runs as a new process from
beginning to end, beside `ffmpeg -i FILE -f null -`, which decodes every frame on all cores, and does nothing else.

The live stream is the same file over HTTP from this machine, sent at a multiple of its own pace: as many cameras
at once. Windows that are dropped are counted; but a sender over TCP waits for a slow reader, so a pace beyond what
watching can do shows as a longer run rather than as drops.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.joined_videos import joined_video
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import Model, YDecoder
from jepa_retrieval.tasks.watching.watch import WatchCounters, Watcher, WatchOptions

PIECE_SECONDS = 0.1  # of wall time between two pieces that are sent


def main() -> None:
    """Make the file, watch it, watch it live; print two tables."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        clips = shared_data() / "videos" / "panda70m"
        path = joined_video(clips, folder / f"watch_{options.minutes:g}.mp4", minutes=options.minutes)
        seconds = options.minutes * 60
        _watch(path, options.rate, seconds=10)  # graphs are compiled once for a machine
        decode = _run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-f", "null", "-"])
        watch = _watch(path, options.rate, seconds=seconds)
        files = [
            ["ffmpeg -f null", f"{decode:.1f}", f"{seconds / decode:.1f}"],
            [f"jepa watch --rate {options.rate:g}", f"{watch:.1f}", f"{seconds / watch:.1f}"],
        ]
        print(f"720p h264, {options.minutes:g} minutes")
        print_table(["command", "seconds", "times real time"], files)
        lives = _live(_as_stream(path), options, seconds)
    print("The same as a live stream")
    headings = ["pace", "windows seen", "dropped", "decodes", "most lag, s of video", "damaged packets"]
    print_table(headings, lives)
    result: dict[str, object] = {"minutes": options.minutes, "rate": options.rate, "decode seconds": decode}
    live = [dict(zip(headings, row, strict=True)) for row in lives]
    print(save_result("watch_speed", {**result, "watch seconds": watch, "live": live}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=2.0)
    parser.add_argument("--paces", type=float, nargs="*", default=[1.0, 10.0, 20.0, 40.0])
    parser.add_argument("--live-seconds", type=float, default=20, help="of the wall clock, for each pace")
    parser.add_argument("--folder", type=Path, help="keep the file that is made here and use it again")
    return parser.parse_args()


def _watch(path: Path, rate: float, *, seconds: float) -> float:
    """Wall time of the command, seconds."""
    command = [sys.executable, "-m", "cli.main", "watch", str(path)]
    return _run([*command, "--rate", str(rate), "--for", str(seconds), "--json"])


def _run(command: list[str]) -> float:
    with timed() as timer:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return timer.seconds


def _as_stream(path: Path) -> Path:
    """The same packets as a transport stream, which can be read while it is being sent."""
    stream = path.with_suffix(".ts")
    _run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(path), "-c", "copy", str(stream)])
    return stream


def _live(stream: Path, options: argparse.Namespace, seconds: float) -> list[list[object]]:
    model = load_model("nano")
    assert model.y_decoder is not None, "nano has one"
    rows: list[list[object]] = []
    for pace in options.paces:
        length = min(seconds - 5, options.live_seconds * pace)
        with _serve(stream, pace=pace, seconds=seconds) as url:
            counters = _watch_live(url, model, model.y_decoder, rate=options.rate, seconds=length)
        seen = [f"{pace:g}", counters.windows, counters.stream.dropped, counters.decodes]
        rows.append([*seen, f"{counters.max_lag:.1f}", counters.stream.damaged])
    return rows


def _watch_live(url: str, model: Model, decoder: YDecoder, *, rate: float, seconds: float) -> WatchCounters:
    watcher = Watcher(
        StreamSource.parse(url), model, decoder, WatchOptions(rate=rate, live=True, seconds=seconds)
    )
    for _ in watcher.run():
        pass
    return watcher.counters


@contextmanager
def _serve(stream: Path, *, pace: float, seconds: float) -> Iterator[str]:
    """Send a file of so many seconds over HTTP, `pace` times as fast as it plays."""
    data = stream.read_bytes()
    size = int(len(data) * pace * PIECE_SECONDS / seconds) + 1

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            began = time.monotonic()
            try:
                for number, start in enumerate(range(0, len(data), size), start=1):
                    self.wfile.write(data[start : start + size])
                    time.sleep(max(0.0, began + number * PIECE_SECONDS - time.monotonic()))
            except OSError:
                return  # the client has closed the connection

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live.ts"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
