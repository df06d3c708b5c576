"""Searching on the page: hits, terms, pictures, filters, saved searches."""

import base64
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.jepa_retrieval.serving.conftest import serving
from tests.jepa_retrieval.serving.page.conftest import HOSTILE, opened, paths, search, wait_until
from tests.real_media import photograph

pytestmark = pytest.mark.long

DROP = """async ([data, name, kind]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  document.body.dispatchEvent(kind === "drop"
    ? new DragEvent("drop", { ...options, dataTransfer: transfer })
    : new ClipboardEvent("paste", { ...options, clipboardData: transfer }));
}"""


def picture(name: str) -> str:
    return base64.b64encode(photograph(name).read_bytes()).decode()


def test_the_first_view_says_what_can_be_searched(page: Page) -> None:
    expect(page.locator("#status")).to_have_text(
        re.compile(r"^Search \d+ videos and \d+ photographs by meaning\.$")
    )


def test_hits_have_pictures_scores_and_confidence(page: Page) -> None:
    search(page, "a cat")
    first = page.locator(".card").first
    expect(first.locator(".name")).to_have_text("chelsea.png")
    expect(first.locator(".facts")).to_contain_text("%")
    assert float(first.locator(".score").inner_text()) > 0.3
    wait_until(page, "[...document.querySelectorAll('.card img')].slice(0, 4).every((i) => i.naturalWidth)")
    expect(page.locator("#status")).to_contain_text("moments in")
    expect(page.locator("#verdict")).to_be_empty()


def test_unlikely_hits_are_folded_away_until_they_are_asked_for(page: Page) -> None:
    page.goto("/?q=a+cat")
    expect(page.locator("#fold-button")).to_be_visible()
    shown = page.locator(".card .facts span[title^='How likely']").all_inner_texts()
    assert 4 <= len(shown) < 20
    assert len(shown) == 4 or int(shown[-1].removesuffix("%")) >= 5
    expect(page.locator("#status")).to_contain_text("folded away")
    page.locator("#fold-button").click()
    expect(page.locator("#fold-button")).to_be_hidden()
    expect(page.locator(f".card .open[data-rank='{len(shown) + 1}']")).to_be_focused()
    assert page.locator(".card").count() > len(shown)


def test_escape_leaves_the_search_field_and_its_cross_empties_the_page(page: Page) -> None:
    search(page, "a cat")
    page.keyboard.press("Escape")
    expect(page.locator("#query")).not_to_be_focused()
    expect(page.locator("#query")).to_have_value("a cat")
    page.locator("#query").evaluate(
        """field => {
          field.value = "";
          for (const name of ["input", "search"]) field.dispatchEvent(new Event(name));
        }"""
    )
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#status")).to_contain_text("by meaning")


def test_a_name_with_html_is_text(page: Page) -> None:
    search(page, "a red square")
    assert HOSTILE in paths(page)
    assert page.title() == "jepa"
    assert page.locator("#results img[src=x]").count() == 0


def test_what_is_not_there_is_said(page: Page) -> None:
    search(page, "a submarine under ice")
    expect(page.locator("#verdict")).to_contain_text("Probably not in this library")
    page.get_by_label("Confidence from").fill("0.95")
    expect(page.locator("#verdict")).to_contain_text("Nothing found for a submarine under ice")
    expect(page.locator("#verdict")).to_contain_text("lower the confidence")
    expect(page.locator(".card")).to_have_count(0)


def test_more_and_less_like_this_are_terms_with_weights(page: Page) -> None:
    search(page, "bicycles in a street")
    before = paths(page)
    assert before[0].startswith("videos/")
    page.get_by_role("button", name="Less like").first.click()
    chip = page.locator(".chip.less")
    expect(chip).to_have_count(1)
    expect(chip.get_by_role("spinbutton")).to_have_value("-0.5")
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    with page.expect_response("**/v1/search") as answer:
        chip.get_by_role("spinbutton").fill("-3")
        chip.get_by_role("spinbutton").press("Enter")
    assert answer.value.request.post_data_json["query"][1]["weight"] == -3
    wait_until(page, f"document.querySelector('.card .name')?.title !== {before[0]!r}")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".chip")).to_have_count(0)
    page.get_by_role("button", name="More like chelsea.png").click()
    page.get_by_role("searchbox").fill("")
    with page.expect_response("**/v1/search"):
        page.keyboard.press("Enter")
    expect(page.locator(".card .name").first).to_have_text("chelsea.png")


def test_texts_are_added_and_subtracted(page: Page) -> None:
    box = page.get_by_role("searchbox")
    box.fill("a cup of coffee")
    box.press("Alt+Enter")
    box.fill("-a cat")
    page.get_by_role("button", name="Add term").click()
    expect(page.locator(".chip .label")).to_have_text(["a cup of coffee", "a cat"])
    with page.expect_response("**/v1/search") as answer:
        box.press("Enter")
    assert answer.value.request.post_data_json["query"] == [
        {"text": "a cup of coffee", "weight": 1},
        {"text": "a cat", "weight": -1},
    ]
    expect(page.locator(".card .name").first).to_have_text("coffee.png")


def test_a_picture_is_dropped_or_pasted(page: Page) -> None:
    for kind, name in (("drop", "coffee.png"), ("paste", "rocket.jpg")):
        page.goto("about:blank")  # a reload would keep the picture of before
        page.goto("/")
        with page.expect_response("**/v1/search") as answer:
            page.evaluate(DROP, [picture(name), name, kind])
        assert answer.value.ok
        expect(page.locator(".chip .label")).to_have_text(name)
        expect(page.locator(".card .name").first).to_have_text(name)


def test_a_file_that_is_no_picture_is_refused(page: Page) -> None:
    page.locator("#picture").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    expect(page.locator("#status.problem")).to_be_visible()
    expect(page.locator(".card")).to_have_count(0)


def test_the_form_writes_sql_and_an_invalid_filter_is_shown(page: Page) -> None:
    search(page, "a cat")
    page.get_by_text("Filter", exact=True).click()
    with page.expect_response("**/v1/search"):
        page.get_by_label("Kind").select_option("video")
    with page.expect_response("**/v1/search"):
        page.get_by_label("Path contains").first.fill("VIDEOS/o'")
        page.get_by_label("Path contains").first.press("Tab")
    sql = page.get_by_label("As SQL")
    expect(sql).to_have_value("kind = 'video' and contains(lower(path), 'videos/o''')")
    expect(page.locator("#verdict")).to_contain_text("Nothing found")
    sql.fill("duratoin > 5")
    sql.press("Enter")
    expect(page.locator("#filter-problem")).to_contain_text("duratoin")
    expect(sql).to_have_attribute("aria-invalid", "true")
    sql.fill("duration > 30")
    sql.press("Enter")
    expect(page.locator("#filter-problem")).to_be_hidden()
    expect(page.locator(".card .name").first).to_have_text("long.mp4")
    assert set(paths(page)) == {"videos/long.mp4"}


def test_several_indexes_are_searched_as_one(browser: Browser, media: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(photograph("motorcycle_left.png"), other)
    Library.create(other).index()
    with (
        serving(ServeSettings(indexes=[media, other], port=0)) as running,
        opened(browser, running.url) as page,
    ):
        search(page, "a motorcycle")
        found = page.locator(".card", has_text="motorcycle_left.png")
        expect(found.locator(".index")).to_have_text("other")
        expect(found.locator(".index")).to_be_visible()
        expect(page.locator(".card", has_text="bikes.mp4").first.locator(".index")).to_have_text("media")


def test_hits_are_grouped_by_file(page: Page) -> None:
    search(page, "bicycles")
    page.get_by_label("Show").select_option("by-file")
    expect(page.locator(".group h3").first).to_contain_text("videos/")
    groups = page.locator(".group h3").all_inner_texts()
    assert len(set(groups)) == len(groups)
    page.get_by_label("Show").select_option("file")
    expect(page.locator(".group")).to_have_count(0)
    found = paths(page)
    assert len(set(found)) == len(found)


def test_a_search_survives_reload_and_back_and_can_be_saved(page: Page) -> None:
    search(page, "a cat")
    search(page, "a cup of coffee")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#status")).to_have_text("Saved: a cup of coffee")
    page.reload()
    expect(page.locator(".card .name").first).to_have_text("coffee.png")
    page.go_back()
    expect(page.locator(".card .name").first).to_have_text("chelsea.png")
    page.get_by_text("Saved searches").click()
    page.get_by_role("button", name="a cup of coffee", exact=True).click()
    expect(page.locator(".card .name").first).to_have_text("coffee.png")
    page.get_by_role("button", name="Forget a cup of coffee").click()
    expect(page.locator("#saved-panel")).to_be_hidden()
