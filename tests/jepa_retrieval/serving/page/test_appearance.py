"""Phone width, dark mode, and accessibility as axe-core checks it."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.jepa_retrieval.serving.page.conftest import opened, search

pytestmark = pytest.mark.long

AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def serious(page: Page) -> list[str]:
    """What axe-core finds that is serious or worse."""
    found = Axe().run(page, options=AXE).response["violations"]
    return [
        json.dumps([item["id"], [node["html"] for node in item["nodes"]][:3]])
        for item in found
        if item["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    search(page, "a submarine under ice")
    page.get_by_role("button", name="Less like").first.click()
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("As SQL").fill("nonsense =")
    page.get_by_label("As SQL").press("Enter")
    expect(page.locator("#filter-problem")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="Clear the filter").click()
    page.locator(".card .open").first.click()
    page.locator(".card input").first.check()
    expect(page.locator("#stage").locator("video, img")).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Files").click()
    expect(page.locator("#file-rows tr").first).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="Labels").click()
    page.get_by_label("Labels, separated").fill("a cat, a street, coffee")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#timelines li").first).to_be_visible()
    assert serious(page) == []


def test_on_a_phone_nothing_is_cut_off(browser: Browser, address: str) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with opened(browser, address, **phone) as page:
        search(page, "bicycles")
        page.get_by_text("Filter", exact=True).click()
        page.locator(".card .open").first.tap()
        expect(page.locator("#strip")).to_be_visible()
        expect(page.locator("#player-moments button").first).to_be_visible()
        fits = "document.documentElement.scrollWidth <= innerWidth"
        assert page.evaluate(fits)
        columns = "getComputedStyle(document.querySelector('#results')).gridTemplateColumns.split(' ').length"
        assert page.evaluate(columns) == 2
        small = """[...document.querySelectorAll('button, input:not([type=checkbox]), .select, select, summary')]
            .filter((e) => e.checkVisibility()).map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
            .filter(([, box]) => box.height < 24 || box.width < 18).map(([html]) => html)"""
        assert page.evaluate(small) == []
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        page.get_by_role("button", name="Files").click()
        expect(page.locator("#file-rows tr").first).to_be_visible()
        assert page.evaluate(fits)


def test_dark_mode_is_dark(page: Page) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) == "rgb(17, 20, 24)"
