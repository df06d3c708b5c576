"""Results as notebooks show them."""

import dataclasses

from jepa_retrieval.notebook import MAX_TILES, Tile, render_tiles
from jepa_retrieval.tasks.asking.candidates import Scored
from jepa_retrieval.tasks.asking.classify import Classification, Classified


class Pictures:
    """The part of a library that the view needs."""

    def thumbnail(self, clip_id: int) -> bytes | None:
        return b"\xff\xd8picture" if clip_id == 1 else None


def test_a_tile_has_its_picture_time_and_lines() -> None:
    tiles = [Tile("a <b>.mp4", 61.0, 65.5, 1, ("dog 90%",)), Tile("c.jpg", None, None, 2, ())]
    html = render_tiles(tiles, Pictures())
    assert html.count("data:image/jpeg;base64,") == 1
    assert "a &lt;b&gt;.mp4" in html and "1:01-1:05.5" in html and "dog 90%" in html
    assert "c.jpg" in html


def test_a_result_without_a_library_has_no_pictures() -> None:
    item = Classified("a.mp4", 0.0, 2.0, (Scored("dog", 0.5, 0.9),), 1)
    found = Classification(("dog",), "m", 0.1, 1.0, (item,))
    assert "data:" not in found._repr_html_()
    shown = found.with_thumbnails(Pictures())
    assert "data:" in shown._repr_html_()
    assert shown == dataclasses.replace(found)
    assert "library" not in repr(shown) and set(dataclasses.asdict(shown)) == {
        "labels", "model", "temperature", "elapsed_ms", "items", "warnings",
    }  # fmt: skip


def test_long_results_are_cut_and_empty_ones_say_so() -> None:
    tiles = [Tile(f"{number}.jpg", None, None, None, ()) for number in range(MAX_TILES + 3)]
    html = render_tiles(tiles, None)
    assert html.count("<figure") == MAX_TILES
    assert "and 3 more" in html
    assert "Nothing found" in render_tiles([], None)
