"""Videos of many codecs and photographs of many formats: each is visibly shown, or the page says why not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.jepa_retrieval.serving.conftest import serving
from tests.jepa_retrieval.serving.page.conftest import opened, wait_until
from tests.odd_photographs import make_odd_photographs

pytestmark = pytest.mark.long

STATE = """(() => {
  const media = document.querySelector('#stage video, #stage img');
  const problem = document.querySelector('#player-problem').textContent;
  const shown = media?.tagName === 'VIDEO' ? media.readyState >= 2 && media.videoWidth : media?.naturalWidth;
  return shown ? 'shown' : problem;
})()"""


@pytest.fixture
def files_page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page over the files in `tmp_path / "media"`, which is indexed first, with its list of files open."""
    Library.create(tmp_path / "media").index(sampling="keyframes")
    with (
        serving(ServeSettings(indexes=[tmp_path / "media"], port=0)) as running,
        opened(browser, running.url) as page,
    ):
        page.get_by_role("button", name="Files").click()
        expect(page.locator("#file-rows tr").first).to_be_visible()
        yield page


def outcomes(page: Page) -> dict[str, str]:
    """Of each file "shown", or the reason why it is not: in the list, or in the player."""
    found = {}
    for row in page.locator("#file-rows tr").all():
        name = row.locator("th button")
        if not name.count():
            found[row.locator("th").inner_text().split("\n")[0]] = row.locator(".reason").inner_text()
            continue
        name.click()
        found[name.inner_text()] = wait_until(page, STATE)
        page.get_by_role("button", name="Close").click()
    return found


@pytest.fixture
def codecs(tmp_path: Path, shared_data: Path) -> None:
    shutil.copytree(shared_data / "videos" / "codecs", tmp_path / "media")


@pytest.fixture
def photographs(tmp_path: Path) -> list[str]:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "damaged.tif").write_bytes(b"II*\0" + bytes(40))
    return make_odd_photographs(tmp_path / "media")


@pytest.mark.shared
@pytest.mark.usefixtures("codecs")
def test_every_video_is_shown(files_page: Page) -> None:
    found = outcomes(files_page)
    assert len(found) >= 20
    assert {name: outcome for name, outcome in found.items() if outcome != "shown"} == {}


def test_photographs_of_odd_formats_are_shown_or_the_reason_is(
    photographs: list[str], files_page: Page
) -> None:
    found = outcomes(files_page)
    assert len(photographs) >= 40
    assert found.keys() == {"damaged.tif", *photographs}
    assert found.pop("damaged.tif") not in ("", "shown")
    assert {name: outcome for name, outcome in found.items() if outcome != "shown"} == {}
