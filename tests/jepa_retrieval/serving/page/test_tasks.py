"""Questions, labels, export and duplicates on the page."""

import csv
import itertools
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.jepa_retrieval.serving.page.conftest import search, wait_until

pytestmark = pytest.mark.long


def test_a_question_about_the_library_and_about_the_open_file(page: Page) -> None:
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_label("About")).to_have_value("all")
    page.get_by_label("Question").fill("Is there a cat?")
    page.keyboard.press("Enter")
    first = page.locator(".answer").first
    expect(first).to_contain_text("chelsea.png")
    expect(first).to_contain_text("yes")
    page.get_by_label("Possible answers").fill("a drink, an animal, a machine")
    page.get_by_label("Question").fill("What is in the picture?")
    page.keyboard.press("Enter")
    cup = page.locator(".answer", has_text="coffee.png")
    expect(cup.locator(".choice").first).to_contain_text("a drink")
    cup.get_by_role("button").click()
    expect(page.locator("#stage img")).to_be_visible()
    page.get_by_role("button", name="Search", exact=True).last.click()
    page.get_by_role("button", name="Ask").click()
    page.get_by_label("About").select_option("open")
    page.get_by_label("Question").press("Enter")
    expect(page.locator(".answer")).to_have_count(1)


def test_labels_are_a_coloured_timeline(page: Page) -> None:
    page.goto("/?filter=path+in+('videos/long.mp4',+'photos/coffee.png')")
    page.get_by_role("button", name="Labels").click()
    page.get_by_label("Labels, separated").fill("a red picture, a green picture\na cup of coffee")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#timelines li")).to_have_count(2)
    expect(page.locator("#legend li")).to_have_count(3)
    cup = page.locator("#timelines li", has_text="coffee.png").locator(".timeline button")
    expect(cup).to_have_text(["a cup of coffee"])
    blocks = page.locator("#timelines li", has_text="long.mp4").locator(".timeline button")
    boxes = [block.bounding_box() or {"x": 0.0, "width": 0.0} for block in blocks.all()]
    assert len(boxes) > 1
    for before, after in itertools.pairwise(boxes):
        assert abs(before["x"] + before["width"] - after["x"]) < 2  # from end to end
    blocks.last.click()
    wait_until(page, "(document.querySelector('#stage video')?.currentTime ?? -1) >= 10")
    page.reload()
    page.get_by_role("button", name="Labels").click()
    expect(page.get_by_label("Labels, separated")).to_have_value(
        "a red picture, a green picture\na cup of coffee"
    )


def test_chosen_moments_are_exported(page: Page, tmp_path: Path) -> None:
    search(page, "bicycles")
    page.get_by_role("button", name="Show less likely moments").click()
    for name in ("Select bikes.mp4", "Select coffee.png"):
        page.get_by_role("checkbox", name=name).first.check()
    expect(page.locator("#selection-count")).to_have_text("2 moments selected")
    page.get_by_label("Format").select_option("csv")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == ["videos/bikes.mp4", "photos/coffee.png"]
    assert rows[0]["frame_rate"] == "25"
    page.get_by_label("Format").select_option("edl")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "a.edl")
    assert "* FROM CLIP NAME: bikes.mp4" in (tmp_path / "a.edl").read_text("utf-8")
    expect(page.locator("#status")).to_contain_text("photos/coffee.png: an EDL holds no photographs")


def test_duplicates_are_listed(page: Page) -> None:
    page.get_by_role("button", name="Files").click()
    page.get_by_role("button", name="Find duplicates").click()
    copies = page.locator("#duplicates li", has_text="the same bytes").get_by_role("button")
    expect(copies).to_contain_text(["photos/astronaut again.png", "photos/astronaut.png"])
    expect(page.locator("#status")).to_contain_text("1 group and ")
