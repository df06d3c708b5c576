"""A server over a small real library, and the page in Chromium. Skipped with a reason where Chromium is missing."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.jepa_retrieval.serving.conftest import serving
from tests.media_factory import RED, make_picture, make_video
from tests.real_media import copy_media, photograph, video

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "photos/<img src=x onerror=document.title='hostile'>.png"

WAIT_SECONDS = 60  # which only a loaded machine needs
expect.set_options(timeout=WAIT_SECONDS * 1000)


@pytest.fixture(scope="package")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs, one of them twice, videos in codecs that browsers play and others, and an unreadable file.

    They are indexed. Read only: tests that change a library have one of their own.
    """
    folder = copy_media(tmp_path_factory.mktemp("page") / "media")
    shutil.copy(photograph("astronaut.png"), folder / "photos" / "astronaut again.png")
    make_picture(folder / HOSTILE, colour=RED)
    recode(video("bikes.mp4"), folder / "videos" / "old.avi", codec="mpeg4")
    make_video(folder / "videos" / "long.mp4", seconds=40, fps=10, gop=20, sound=True)
    (folder / "videos" / "broken.mp4").write_bytes(b"not a video at all" * 100)
    assert len(Library.create(folder).index(captions=True).failed) == 1
    return folder


def recode(source: Path, target: Path, *, codec: str, frames: int = 100) -> None:
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        stream = out.add_stream(codec, rate=25)
        picture = container.streams.video[0]
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
        for number, frame in enumerate(container.decode(video=0)):
            if number == frames:
                break
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


@pytest.fixture(scope="package")
def address(media: Path) -> Iterator[str]:
    """The address of a running server."""
    with serving(ServeSettings(indexes=[media], port=0)) as running:
        yield running.url


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextlib.contextmanager
def opened(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """The page of a server in a context of its own; it must ask no other host, and report no error."""
    context = browser.new_context(base_url=address, **options)
    context.set_default_timeout(WAIT_SECONDS * 1000)
    page = context.new_page()
    foreign: list[str] = []
    problems: list[str] = []
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((address, "data:", "blob:")) else foreign.append(request.url)
        ),
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None,
    )
    page.goto("/")
    try:
        yield page
    finally:
        context.close()
    assert foreign == []
    assert problems == []


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, freshly opened."""
    with opened(browser, address, viewport={"width": 1280, "height": 900}) as page:
        yield page


def wait_until(page: Page, condition: str) -> Any:
    """Wait for a JavaScript expression to be true, and return it.

    The page's policy forbids Playwright's own way, which is eval.
    """
    end = time.monotonic() + WAIT_SECONDS
    while not (answer := page.evaluate(condition)):
        assert time.monotonic() < end, f"never true: {condition}"
        page.wait_for_timeout(50)
    return answer


def search(page: Page, text: str) -> None:
    """Type a search and wait for its hits, which take the place of those before."""
    page.get_by_role("searchbox", name="Search by meaning").fill(text)
    with page.expect_response("**/v1/search"):
        page.keyboard.press("Enter")
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")


def paths(page: Page) -> list[str]:
    """The paths of the hits, in their order."""
    return [str(name.get_attribute("title")) for name in page.locator(".card .name").all()]
