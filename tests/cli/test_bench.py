import json
from pathlib import Path

import pytest

from benchmarks.published import runner
from tests.benchmarks.conftest import COLOURS, ColourModel
from tests.cli.conftest import Golden, Jepa
from tests.media_factory import make_picture


@pytest.fixture
def flickr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Flickr8k's layout with five photographs, one of them damaged, and a model that knows their colours."""
    monkeypatch.setattr(runner, "load_model", lambda name: ColourModel())
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "flickr"
    (folder / "images").mkdir(parents=True)
    for name, colour in COLOURS.items():
        make_picture(folder / "images" / f"{name}.png", colour=colour)
    (folder / "images" / "broken.png").write_bytes(b"no picture")
    names = [*COLOURS, "broken"]
    (folder / "Flickr8k.token.txt").write_text("\n".join(f"{name}.jpg#0\t{name}" for name in names))
    (folder / "Flickr_8k.testImages.txt").write_text("\n".join(f"{name}.jpg" for name in names))
    return folder


def test_a_result_is_printed_and_kept_and_failures_are_named(
    jepa: Jepa, golden: Golden, flickr: Path
) -> None:
    done = jepa("bench", "retrieval", "flickr8k", "--data", flickr, "--cache", "cache", "--no-progress")
    assert done.status == 1
    golden("bench", done.out)
    assert f"Warning: {flickr / 'images' / 'broken.png'}: " in done.err
    assert "Wrote results/retrieval-flickr8k-nano.json" in done.err
    table = jepa("bench", "table")
    assert table.status == 0
    golden("bench_table", table.out)


def test_a_result_as_json(jepa: Jepa, flickr: Path) -> None:
    arguments = ("flickr8k", "--data", flickr, "--cache", "cache", "--limit", 2, "--json", "--quiet")
    done = jepa("bench", "retrieval", *arguments)
    document = json.loads(done.out)
    assert document["limit"] == 2
    assert document["rows"]["text to video"]["pool"] == document["counts"]["clips read"]


def test_the_list_names_every_source(jepa: Jepa) -> None:
    done = jepa("bench", "list")
    assert done.status == 0
    assert "retrieval\tmsrvtt-1ka\tMSR-VTT" in done.out
    rows = json.loads(jepa("bench", "list", "--json").out)
    assert len(rows) == len(done.out.splitlines())
    assert all(row["source"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("retrieval", "cats"), "retrieval has no data set 'cats' (allowed: msrvtt-1ka"),
        (("retrieval", "msvd"), "msvd: name its folder with --data; the data come from MSVD"),
        (
            ("questions", "gqa", "--data", "."),
            "testdev_balanced_questions.json: no such file or folder; it comes from",
        ),
        (("retrieval", "flickr8k", "--limit", "0"), "Invalid value for '--limit'"),
        (("table", "--results", "none"), "none: contains no results"),
    ],
)
def test_mistakes_are_one_sentence(
    jepa: Jepa, flickr: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = jepa("bench", *arguments)
    assert done.status == 2
    assert message in done.err
    assert done.err.count("\n") == 1 and not done.out
