"""What changes a library while the page is open: indexing, and alerts of what is new."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.jepa_retrieval.serving.conftest import serving
from tests.jepa_retrieval.serving.page.conftest import opened, search
from tests.real_media import photograph

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photographs, indexed. Each test adds another one, of something else."""
    folder = tmp_path_factory.mktemp("growing") / "media"
    folder.mkdir()
    for name in ("astronaut.png", "coffee.png", "rocket.jpg"):
        shutil.copy(photograph(name), folder)
    Library.create(folder).index()
    return folder


@pytest.fixture(scope="module")
def its_address(growing: Path) -> Iterator[str]:
    with serving(ServeSettings(indexes=[growing], port=0)) as running:
        yield running.url


@pytest.fixture
def page(browser: Browser, its_address: str) -> Iterator[Page]:
    with opened(browser, its_address) as page:
        yield page


def test_indexing_is_started_watched_and_found_again(page: Page, growing: Path) -> None:
    shutil.copy(photograph("chelsea.png"), growing / "new.png")
    page.get_by_role("button", name="Indexing").click()
    page.get_by_role("button", name="Index new and changed files").click()
    job = page.locator(".job").first
    expect(job).to_contain_text("Indexing media")
    page.reload()  # the job goes on
    page.get_by_role("button", name="Indexing").click()
    expect(job).to_contain_text("is done: 1 file indexed", timeout=120_000)
    search(page, "a cat")
    expect(page.locator(".card .name").first).to_have_text("new.png")


def test_a_saved_search_becomes_an_alert(page: Page, growing: Path) -> None:
    search(page, "a motorcycle")
    with page.expect_response("**/v1/search"):
        page.get_by_label("Confidence from").fill("0.2")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved searches").click()
    page.get_by_role("checkbox", name="Alert for a motorcycle").check()
    expect(page.locator("#status")).to_contain_text("You will be told")
    shutil.copy(photograph("motorcycle_right.png"), growing / "alert.png")
    Library.open(growing).index()
    expect(page.locator("#alert-count")).to_have_text("1")
    page.get_by_text("Alerts:").click()
    expect(page.locator("#alerts")).to_contain_text("alert.png")
    page.get_by_role("checkbox", name="Alert for a motorcycle").uncheck()
    expect(page.locator("#status")).to_contain_text("No more alerts")
