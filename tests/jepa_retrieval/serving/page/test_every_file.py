"""Videos of many codecs and photographs of many formats: each is visibly shown, or the page says why not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.jepa_retrieval.serving.conftest import serving
from tests.media_factory import RED, draw

PHOTOGRAPHS = {
    "a.bmp": "RGB",
    "b.tif": "RGB",
    "c.gif": "P",
    "d.jp2": "RGB",
    "e.webp": "RGBA",
    "f.png": "I;16",
    "g.jpg": "CMYK",
    "h.ppm": "RGB",
    "i.tga": "RGB",
    "j.heic": "RGB",
    "k.avif": "RGB",
    "l.png": "1",
    "m.jpg": "L",
    "n.tiff": "CMYK",
    "o.qoi": "RGB",
}
STATE = """() => {
  const media = document.querySelector('#stage video, #stage img');
  const problem = document.querySelector('#player-problem').textContent;
  const shown = media?.tagName === 'VIDEO' ? media.readyState >= 2 && media.videoWidth : media?.naturalWidth;
  return shown ? 'shown' : problem;
}"""


@pytest.fixture(scope="module")
def odd_files(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "media"
    shutil.copytree(shared_data / "videos" / "codecs", folder / "videos")
    pillow_heif.register_heif_opener()
    picture = Image.fromarray(draw((160, 96), RED))
    for name, mode in PHOTOGRAPHS.items():
        made = picture.convert("L").convert("I;16") if mode == "I;16" else picture.convert(mode)
        made.save(folder / name)
    Library.create(folder).index(sampling="keyframes")
    return folder


@pytest.fixture
def files_page(browser: Browser, odd_files: Path) -> Iterator[Page]:
    with serving(ServeSettings(indexes=[odd_files], port=0)) as running:
        context = browser.new_context(base_url=running.url)
        yield context.new_page()
        context.close()


@pytest.mark.shared
def test_every_file_is_shown_or_the_reason_is(files_page: Page) -> None:
    page = files_page
    page.goto("/")
    page.get_by_role("button", name="Files").click()
    expect(page.locator("#file-rows tr").nth(30)).to_be_visible()
    names = page.locator("#file-rows button.link")
    outcome = {}
    for number in range(names.count()):
        name = names.nth(number).inner_text()
        names.nth(number).click()
        for _ in range(300):
            if found := page.evaluate(STATE):
                break
            page.wait_for_timeout(50)
        outcome[name] = found
        page.get_by_role("button", name="Close").click()
    assert len(outcome) >= 35
    assert {name: found for name, found in outcome.items() if found != "shown"} == {}
    # What could not be indexed is in the list with its reason.
    for row in page.locator("tr.failed").all():
        expect(row.locator(".reason")).not_to_be_empty()
