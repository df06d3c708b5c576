"""The player, the score strip, hover previews, and files."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from cli.values import parse_time
from jepa_retrieval.times import format_interval
from tests.jepa_retrieval.serving.page.conftest import search, wait_until

pytestmark = pytest.mark.long

DRAWN = "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((v) => v).length"
VIDEO = "document.querySelector('#stage video')"
TIME = f"{VIDEO}?.currentTime ?? -1"


def open_hit(page: Page, name: str) -> None:
    page.locator(".card", has=page.get_by_title(name)).first.locator(".open").click()


def only(page: Page, name: str) -> None:
    """Search in one file only."""
    page.goto(f"/?q=green&filter=path+%3D+'videos/{name}'")
    expect(page.locator(".card").first).to_be_visible()


def pause(page: Page) -> None:
    """Pause the video once it shows something: its time then stays where it is set."""
    wait_until(page, f"{VIDEO}?.readyState >= 2")
    page.locator("#stage video").evaluate("(video) => video.pause()")


TIMES = st.one_of(st.floats(0, 1e5), st.integers(0, 10**6).map(lambda number: number / 8))


def test_times_are_written_as_on_a_terminal(page: Page) -> None:
    @given(st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=200))
    @settings(max_examples=50, deadline=None)
    def same(pairs: list[tuple[float, float]]) -> None:
        shown = page.evaluate(
            "async (pairs) => { const { interval } = await import('/dom.js');"
            " return pairs.map(([start, end]) => interval(start, end)); }",
            pairs,
        )
        assert shown == [format_interval(start, end) for start, end in pairs]

    same()
    only(page, "long.mp4")
    with page.expect_response("**/scores") as scores:
        page.locator(".card .open").first.click()
    hits = scores.value.json()["hits"]
    expect(page.locator("#player-moments button")).to_have_count(len(hits))
    buttons = page.locator("#player-moments button").all_inner_texts()
    shown = {format_interval(hit["start"], hit["end"]) for hit in hits}
    assert {text.split()[0] for text in buttons} == shown


def is_drawn(page: Page, canvas: str, *, pixels: int) -> None:
    """Wait until so many pixels of a canvas are not empty."""
    wait_until(page, f"({DRAWN})(document.querySelector('{canvas}')) > 4 * {pixels}")


def strip_at(page: Page, share: float) -> None:
    box = page.locator("#strip").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def test_a_hit_plays_at_its_moment_and_a_click_on_the_strip_seeks(page: Page) -> None:
    only(page, "long.mp4")
    with page.expect_response("**/scores") as scores:
        page.locator(".card .open").first.click()
    shown = page.locator(".card .time").first.inner_text()
    seconds = parse_time(shown.split("-")[0])
    wait_until(page, f"({TIME}) >= {seconds} && !{VIDEO}.paused")
    pause(page)
    answer = scores.value.json()
    assert len(answer["score"]) >= 10 and answer["hits"]
    is_drawn(page, "#strip-canvas", pixels=125)
    expect(page.locator("#player-moments button")).to_have_count(len(answer["hits"]))
    strip_at(page, 0.75)
    wait_until(page, f"Math.abs(({TIME}) - 30) < 2.5")
    expect(page.locator("#clock")).to_contain_text("/ 0:40")
    page.locator("#player-moments button").first.click()
    first = min(hit["start"] for hit in answer["hits"])
    wait_until(page, f"Math.abs(({TIME}) - {first}) < 2.5")


def test_the_strip_is_of_the_last_search_whatever_was_typed_since(page: Page) -> None:
    only(page, "long.mp4")
    page.locator(".card .open").first.click()
    expect(page.locator("#player-moments button").first).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("searchbox").fill("red")
    with page.expect_response("**/scores") as answer:
        page.keyboard.press("Enter")
    assert answer.value.request.post_data_json["query"] == [{"text": "red", "weight": 1}]
    assert len([url for url in asked if url.endswith("/scores")]) == 1


def test_what_browsers_cannot_play_is_transcoded_and_seekable(page: Page) -> None:
    page.goto("/?q=bicycles&filter=path+%3D+'videos/old.avi'")
    page.locator(".card .open").first.click()
    wait_until(page, f"({TIME}) > 0.2")
    assert "/preview?start=" in str(page.locator("#stage video").get_attribute("src"))
    expect(page.locator("#player-moments button").first).to_be_visible()
    begin = f"Number(/start=([\\d.]+)/.exec({VIDEO}.src)[1])"  # of the stream, in seconds of the file
    for seconds in (1, 3):
        pause(page)
        strip_at(page, seconds / 4)
        wait_until(page, f"Math.abs({begin} - {seconds}) < 0.3")
    pause(page)
    page.keyboard.press("k")
    expect(page.locator("#clock")).to_have_text(re.compile(r"^0:0[34] / 0:04$"))  # the end
    assert page.locator("#player-problem").inner_text() == ""


def test_captions_are_listed_and_follow_the_player(page: Page) -> None:
    only(page, "long.mp4")
    page.locator(".card .open").first.click()
    page.get_by_text("Captions", exact=True).click()
    pause(page)
    captions = page.locator("#captions button")
    assert captions.count() > 1
    captions.last.click()
    expect(captions.last).to_have_attribute("aria-current", "true")
    expect(page.locator("#player-caption")).not_to_be_empty()
    expect(captions.last).to_contain_text(page.locator("#player-caption").inner_text())
    start = (captions.last.locator(".at").inner_text()).split(":")
    wait_until(page, f"Math.abs(({TIME}) - {int(start[0]) * 60 + int(start[1])}) < 2.5")


def test_surprise_is_drawn_below_the_scores_where_it_is_asked_for(page: Page) -> None:
    only(page, "long.mp4")
    page.locator(".card .open").first.click()
    expect(page.locator("#surprise")).to_be_hidden()
    with page.expect_response("**/v1/surprise") as answer:
        page.get_by_role("button", name="Surprise").click()
    found = answer.value.json()
    expect(page.locator("#surprises li")).to_have_count(len(found["data"]))
    expect(page.locator("#surprise-note")).to_contain_text("urprising")
    is_drawn(page, "#surprise-canvas", pixels=25)
    pause(page)
    page.locator("#surprise-canvas").click(position={"x": 5, "y": 10})
    wait_until(page, f"({TIME}) < 3")
    page.get_by_role("button", name="Surprise").click()
    expect(page.locator("#surprise")).to_be_hidden()


def test_surprise_is_not_offered_for_photographs(page: Page) -> None:
    page.goto("/?q=a+cup+of+coffee&filter=path+%3D+'photos/coffee.png'")
    with page.expect_response("**/v1/indexes"):
        page.locator(".card .open").first.click()
    wait_until(page, "document.querySelector('#stage img')?.naturalWidth === 600")
    page.evaluate(
        "fetch('/v1/indexes').then((answer) => answer.json())"
    )  # the page has its own answer by then
    expect(page.locator("#show-surprise")).to_be_hidden()


def test_photographs_are_shown(page: Page) -> None:
    search(page, "a cup of coffee")
    page.locator(".card .open").first.click()
    wait_until(page, "document.querySelector('#stage img')?.naturalWidth === 600")
    expect(page.locator("#strip")).to_be_hidden()
    page.get_by_role("button", name="More like this").click()
    expect(page.locator(".chip .label")).to_have_text("coffee.png")


def test_a_hit_moves_while_the_pointer_rests_on_it(page: Page) -> None:
    only(page, "long.mp4")
    page.locator(".card .open").first.hover()
    expect(page.locator(".card video.playing")).to_have_count(1)
    page.mouse.move(2, 2)
    expect(page.locator(".card video")).to_have_count(0)


def test_from_the_search_box_down_to_the_hits(page: Page) -> None:
    page.locator("#query").focus()
    page.keyboard.press("/")  # is there already
    expect(page.locator("#query")).to_have_value("")
    page.keyboard.type("bicycles")
    with page.expect_response("**/v1/search"):
        page.keyboard.press("Enter")
    expect(page.locator(".card").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".card .open").first).to_be_focused()


def test_failed_files_are_listed_with_the_reason(page: Page) -> None:
    page.get_by_role("button", name="Files").click()
    expect(page.locator("#indexes")).to_contain_text("1 failed")
    page.get_by_label("State").select_option("failed")
    expect(page.locator("#file-rows tr")).to_have_count(1)
    expect(page.locator("#file-rows")).to_contain_text("videos/broken.mp4")
    expect(page.locator(".reason")).to_contain_text("is not a video or picture")
    page.get_by_label("State").select_option("")
    page.get_by_role("button", name="videos/long.mp4").click()
    wait_until(page, f"({TIME}) >= 0 && !{VIDEO}.paused")


def test_everything_goes_by_keyboard(page: Page) -> None:
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.type("bicycles")
    with page.expect_response("**/v1/search"):
        page.keyboard.press("Enter")
    expect(page.locator(".card").first).to_be_visible()
    page.keyboard.press("Escape")  # leaves the box
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".card .open").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".card .open").first).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("#selection-count")).to_have_text("1 moment selected")
    page.keyboard.press("n")
    expect(page.locator(".chip.less")).to_have_count(1)
    page.goto("/?q=green&filter=path+%3D+'videos/long.mp4'")
    expect(page.locator(".card").first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_until(page, f"{VIDEO}?.readyState >= 2")
    page.keyboard.press("k")
    wait_until(page, f"{VIDEO}.paused")
    before = page.evaluate(TIME)
    page.keyboard.press("l")
    wait_until(page, f"({TIME}) >= {before} + 5")
    page.keyboard.press("j")
    wait_until(page, f"({TIME}) < {before} + 5")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("10 seconds back or forward")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#player")).to_be_hidden()
    expect(page.locator(".card .open").first).to_be_focused()
