"""Hits that show the words that were found."""

from playwright.sync_api import Browser, expect

from tests.jepa_retrieval.serving.conftest import Running
from tests.jepa_retrieval.serving.page.conftest import search


def test_the_page_shows_the_words_as_text(words: Running, browser: Browser) -> None:
    page = browser.new_context(base_url=words.url).new_page()
    page.goto("/")
    search(page, '"harbour b coffee"')
    expect(page.locator(".card .words")).to_have_text("written: “Harbour <b>Coffee</b>”")
    page.locator(".card .open").click()
    expect(page.locator("#player-caption")).to_contain_text("Harbour <b>Coffee</b>")
