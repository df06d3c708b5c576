"""How long is it from Enter to the first picture, on the page of `jepa serve` in Chromium?

    python -m benchmarks.speed.page_speed

Over 100,000 synthetic clips, each with a thumbnail. Every search has a text of its own. Needs Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.synthetic_index import fill_index
from benchmarks.speed.query_latency import QUERIES
from benchmarks.speed.serve_speed import serving
from jepa_retrieval.library import Library

SIZE = (256, 144)

# Notes when Enter is pressed, and when the first picture of a hit has been loaded after it.
_NOTE = """
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter") window.noted = { enter: performance.now(), picture: null };
}, true);
document.addEventListener("load", (event) => {
  if (event.target?.closest?.(".card") && window.noted) window.noted.picture ??= performance.now();
}, true);
"""


def main() -> None:
    """Measure and print one table."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)) / f"{options.clips} clips with thumbnails"
        if not folder.exists():
            folder.mkdir(parents=True)
            fill_index(Library.create(folder, model="nano"), clips=options.clips, thumbnail=_picture())
        with serving(folder) as server:
            times = enter_to_picture(f"http://{server.host}:{server.port}/", options.searches)
    table = [["from Enter to the first picture, median ms", f"{np.median(times):.0f}"]]
    table.append(["90% of searches, ms", f"{np.percentile(times, 90):.0f}"])
    print_table(["the page in Chromium", "result"], table)
    print(save_result("page_speed", {"clips": options.clips, "rows": table}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=30)
    parser.add_argument("--folder", type=Path, help="keep the index that is made here and use it again")
    return parser.parse_args()


def _picture() -> bytes:
    """A JPEG of noise that was enlarged: as many bytes as the thumbnail of a photograph has."""
    noise = np.random.default_rng(0).integers(0, 256, (18, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize(SIZE).save(file, "JPEG", quality=85)
    return file.getvalue()


def enter_to_picture(address: str, searches: int) -> np.ndarray:
    """Milliseconds of each search but the first, float [searches]."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("Chromium is not installed")
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_init_script(_NOTE)
        page.goto(address)
        for number in range(searches + 1):
            page.locator("#query").fill(f"{QUERIES[number % len(QUERIES)]}, number {number}")
            page.keyboard.press("Enter")
            while (time := page.evaluate("window.noted?.picture && noted.picture - noted.enter")) is None:
                page.wait_for_timeout(10)
            page.wait_for_timeout(300)  # for the other pictures
            times.append(time)
        browser.close()
    return np.array(times[1:])


if __name__ == "__main__":
    main()
