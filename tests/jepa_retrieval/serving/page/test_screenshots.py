"""The pictures of the page in the documentation, taken of drawn scenes.

    JEPA_WRITE_SCREENSHOTS=1 pytest tests/jepa_retrieval/serving/page/test_screenshots.py

writes them into docs/pictures. Without the variable they are taken all the same, and thrown away.
"""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.conftest import REPOSITORY
from tests.drawings import write_library
from tests.jepa_retrieval.serving.conftest import serving
from tests.jepa_retrieval.serving.page.conftest import opened, search, wait_until

pytestmark = pytest.mark.long

PICTURES = REPOSITORY / "docs" / "pictures"
MAX_BYTES = 80_000


@pytest.fixture
def drawn_page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    folder = tmp_path / "Holidays"
    folder.mkdir()
    write_library(folder)
    Library.create(folder).index()
    with (
        serving(ServeSettings(indexes=[folder], port=0)) as running,
        opened(browser, running.url, viewport={"width": 1200, "height": 760}) as page,
    ):
        yield page


def take(page: Page, name: str) -> None:
    """Take a picture of what is shown; it must not be blank."""
    wait_until(page, "[...document.images].every((image) => image.complete)")
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    assert image.size == (1200, 760) and len(image.getcolors(2**24) or []) > 500
    if os.environ.get("JEPA_WRITE_SCREENSHOTS"):
        PICTURES.mkdir(exist_ok=True)
        image.save(PICTURES / f"{name}.webp", quality=80, method=6)


def test_pictures_of_the_page(drawn_page: Page) -> None:
    page = drawn_page
    search(page, "balloons in the sky")
    expect(page.locator(".card", has_text="balloons.png")).to_be_visible()
    expect(page.locator("#verdict")).to_be_empty()
    take(page, "search")
    page.locator(".card", has_text="a day by the sea.mp4").locator(".open").first.click()
    wait_until(page, "document.querySelector('#stage video')?.readyState >= 2")
    page.keyboard.press("k")
    expect(page.locator("#player-moments button").first).to_be_visible()
    wait_until(page, "parseFloat(document.querySelector('#strip-cursor').style.left) > 20")  # per cent
    page.emulate_media(color_scheme="dark")
    take(page, "player")
    page.emulate_media(color_scheme="light")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Labels").click()
    page.get_by_label("Labels, separated").fill(
        "balloons, a red car, a cartoon of a house, the sea at sunset, skyscrapers at night"
    )
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#timelines li")).to_have_count(5)
    take(page, "labels")


def test_the_documentation_shows_pictures_that_exist_and_are_small() -> None:
    shown = {
        name
        for page in (REPOSITORY / "docs").glob("*.md")
        for name in re.findall(r"!\[[^\]]+\]\(pictures/([^)]+)\)", page.read_text("utf-8"))
    }
    assert shown == {path.name for path in PICTURES.iterdir()} and len(shown) >= 3
    assert all((PICTURES / name).stat().st_size < MAX_BYTES for name in shown)
