"""The HTML page: self-contained, escaped, with links that lead to the files and the moments in them."""

import io
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from PIL import Image

from jepa_retrieval.notebook import Tile, render_tiles
from jepa_retrieval.report import render_report, write_report
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.searching.search import Moment, SearchResult

ODD = "trip & <i>more</i>/a \"b\" 'c' #1?.mp4"


class MadeLibrary:
    """What the page asks of a library."""

    def __init__(self, folder: Path) -> None:
        self.media_root = MediaRoot(folder)
        self.media_folders = [folder]

    def resolve(self, path: str) -> Path:
        return self.media_root.to_path(path)

    def thumbnail(self, clip_id: int) -> bytes | None:
        if clip_id == 0:
            return None
        picture = io.BytesIO()
        Image.new("RGB", (8, 8), (200, clip_id, 0)).save(picture, "JPEG")
        return picture.getvalue()


def result(query: str = "a <script>alert('x')</script> & dog") -> SearchResult:
    video = Moment(1, 0.41, 0.97, ODD, "video", 12.0, 16.54, 1)
    image = Moment(2, 0.3, None, "b.png", "image", None, None, 0)
    return SearchResult(query, "nano", 8.1, [video, image])


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, tag: str, attribute: str) -> list[Any]:
        return [
            attributes[attribute] for name, attributes in self.tags if name == tag and attribute in attributes
        ]


@pytest.fixture
def library(tmp_path: Path) -> Any:
    return MadeLibrary(tmp_path / "media")


def test_nothing_on_the_page_is_fetched_or_run(library: Any) -> None:
    page = Page(render_report([result()], library))
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object", "i"})
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.values("img", "src"))
    assert len(page.values("img", "src")) == 1
    assert "url(" not in page.text and "@import" not in page.text


def test_names_and_queries_are_shown_as_they_are(library: Any) -> None:
    page = Page(render_report([result()], library))
    assert "a <script>alert('x')</script> & dog" in page.text
    assert "a \"b\" 'c' #1?.mp4" in page.text
    assert "trip & <i>more</i>" in page.text


def test_times_scores_and_confidence_are_shown(library: Any) -> None:
    text = Page(render_report([result()], library)).text
    assert "0:12-0:16.5" in text
    assert "score 0.410 · 97% sure" in text
    assert "score 0.300" in text


def test_the_page_says_what_the_moments_are_worth(library: Any) -> None:
    def text(*confidences: float) -> str:
        hits = [
            Moment(rank, 0.2, confidence, f"{rank}.png", "image", None, None, rank)
            for rank, confidence in enumerate(confidences, start=1)
        ]
        return Page(render_report([SearchResult("x", "nano", 1.0, hits)], library)).text

    assert "Probably not in this library: the best moment has a confidence of 20%." in text(0.2, 0.1)
    assert "Probably not" not in text(0.9, 0.1) and "below 5%" not in text(0.9, 0.1)
    of_three = text(0.9, 0.02, 0.01)
    likely, note, rest = of_three.partition("The last 2 of 3 have a confidence below 5%.")
    assert note and "1.png" in likely and "2.png" in rest and "3.png" in rest
    assert "2.png" not in likely and "1.png" not in rest


@pytest.mark.parametrize("beside", [True, False])
def test_links_lead_to_the_file_and_the_moment(library: Any, tmp_path: Path, beside: bool) -> None:
    file = (tmp_path if beside else tmp_path / "elsewhere") / "page.html"
    file.parent.mkdir(exist_ok=True)
    write_report(file, [result()], library)
    video, image = (urlsplit(link) for link in Page(file.read_text("utf-8")).values("a", "href"))
    assert (video.fragment, image.fragment) == ("t=12.00,16.54", "")
    assert video.scheme == ("" if beside else "file")
    target = Path(unquote_to_bytes(video.path).decode())
    assert (file.parent / target).resolve() == library.resolve(ODD).resolve()


def test_several_searches_are_sections_that_can_be_reached(library: Any) -> None:
    page = Page(render_report([result("one"), result("two"), SearchResult("none", "nano", 1.0, [])], library))
    anchors = [link for link in page.values("a", "href") if link.startswith("#")]
    assert anchors == [f"#{name}" for name in page.values("section", "id")]
    assert len(anchors) == 3
    assert "Nothing found." in page.text


def test_hours_are_shown_where_there_are_any(library: Any) -> None:
    moment = Moment(1, 0.4, None, "a.mp4", "video", 3599.96, 7325.0, 1)
    text = Page(render_report([SearchResult("x", "nano", 1.0, [moment])], library)).text
    assert "1:00:00-2:02:05" in text


HOSTILE = "photo\u202egpj.exe\x1b[2J\x9b\n\u2066b.png"
ESCAPED = r"photo\u202egpj.exe\x1b[2J\x9b\n\u2066b.png"


def test_names_cannot_disguise_themselves(library: Any) -> None:
    """A direction override shows exe.gpj as jpg.exe, or the other way around, in HTML as on a terminal."""
    hit = Moment(1, 0.4, 0.9, f"trip/{HOSTILE}", "image", None, None, 0, caption=HOSTILE)
    html = render_report([SearchResult(HOSTILE, HOSTILE, 8.1, [hit])], library, title=HOSTILE)
    page = Page(html)
    assert page.text.count(ESCAPED) >= 4
    assert not {"\u202e", "\u2066", "\x1b", "\x9b"} & set(html)
    (link,) = (link for link in page.values("a", "href") if link.startswith("file:"))
    assert unquote_to_bytes(urlsplit(link).path).endswith(HOSTILE.encode())


def test_notebooks_show_names_as_pages_do() -> None:
    html = render_tiles([Tile(HOSTILE, None, None, None, (HOSTILE,))], None)
    assert html.count(ESCAPED) == 2
