"""Hits that show the words that were found."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.jepa_retrieval.serving.conftest import Running
from tests.jepa_retrieval.serving.page.conftest import opened, search

pytestmark = pytest.mark.long


def test_the_page_shows_the_words_as_text(words: Running, browser: Browser) -> None:
    with opened(browser, words.url) as page:
        search(page, '"harbour b coffee"')
        expect(page.locator(".card .words")).to_have_text("written: “Harbour <b>Coffee</b>”")
        page.locator(".card .open").click()
        expect(page.locator("#player-caption")).to_contain_text("Harbour <b>Coffee</b>")


def test_the_page_plays_files_with_sound_only(words: Running, browser: Browser) -> None:
    with opened(browser, words.url) as page:
        search(page, '"lighthouse keeper"')
        expect(page.locator(".card .frame .note")).to_have_text(["♪", "♪"])
        expect(page.locator(".card").first.get_by_text("More")).to_have_count(0)
        page.locator(".card .open").first.click()
        expect(page.locator("#player-caption")).to_contain_text("lighthouse keeper")
        expect(page.locator("#stage.sound video")).to_have_attribute(
            "src", re.compile(r"/v1/media/\d+/(file|preview)")
        )
        expect(page.locator("#player-actions")).to_be_hidden()
