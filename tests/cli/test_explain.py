"""`jepa explain` on real pictures and clips."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Jepa
from tests.media_factory import make_video
from tests.real_media import photograph, video
from tests.s3_server import S3Server


def test_the_clip_that_shows_the_change_comes_first(jepa: Jepa) -> None:
    bikes, car = video("bikes.mp4"), video("carphone_pristine.mp4")
    clips = [f"{car}@0-2", f"{bikes}@0-2", photograph("coffee.png")]
    done = jepa("explain", "--before", bikes, "--after", bikes, *clips, "--json")
    assert (done.status, done.err) == (0, "")
    document = json.loads(done.out)
    found = document["candidates"]
    assert [candidate["rank"] for candidate in found] == [1, 2, 3]
    assert (found[0]["path"], found[0]["start"], found[0]["end"]) == (str(bikes), 0.0, 2.0)
    assert sum(candidate["probability"] for candidate in found) == pytest.approx(1.0, abs=1e-4)
    assert (document["before"], document["model"]) == (str(bikes), "nano")


def test_candidates_as_lines(jepa: Jepa) -> None:
    cat = photograph("chelsea.png")
    line = jepa("explain", "--before", cat, "--after", cat, cat).out.rstrip("\n").split("\t")
    assert (line[0], line[2:]) == ("1", ["1.000", "-", str(cat)])
    assert float(line[1]) > 0.99


def test_files_in_a_store_are_called_by_their_addresses(jepa: Jepa, s3: S3Server) -> None:
    s3.client.upload_file(str(photograph("chelsea.png")), "media", "cat.png")
    cat = "s3://media/cat.png"
    done = jepa("explain", "--before", cat, "--after", cat, cat, "--json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert [document["before"], document["after"], document["candidates"][0]["path"]] == [cat] * 3


def test_a_candidate_that_cannot_be_read_is_named_and_the_rest_is_ranked(jepa: Jepa, tmp_path: Path) -> None:
    cat = photograph("chelsea.png")
    (tmp_path / "bad.mp4").write_text("no video")
    done = jepa("explain", "--before", cat, "--after", cat, tmp_path / "bad.mp4", tmp_path / "gone.mp4", cat)
    assert (done.status, len(done.out.splitlines())) == (1, 1)
    assert "bad.mp4: is not" in done.err and "gone.mp4: no such file or folder" in done.err
    alone = jepa("explain", "--before", cat, "--after", cat, tmp_path / "bad.mp4")
    assert (alone.status, alone.out) == (2, "")


def test_what_is_missing_of_a_cut_off_example_is_told(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    fast = {"container_options": {"movflags": "faststart"}, "gop": 25}
    cut = make_video(tmp_path / "cut.mp4", seconds=16.0, **fast)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 6 // 10])
    cat = photograph("chelsea.png")
    done = jepa("explain", "--before", cat, "--after", cat, cut)
    assert (done.status, len(done.out.splitlines())) == (1, 1)
    assert f"{cut}: is cut off" in done.err and "the rest was compared" in done.err
    found = jepa("search", "--video", cut, "--index", library, "--top", 1)
    assert (found.status, len(found.out.splitlines())) == (0, 1) and f"{cut}: is cut off" in found.err
    asked = jepa("ask", f"{cut}@0-", "Is it red?", "--index", library)
    assert asked.status == 1 and "is cut off" in asked.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--before", "/no/a.png", "--after", "/no/b.png", "/no/c.mp4"], "/no/a.png"),
        (["--before", "/no/a.png", "/no/c.mp4"], "--after"),
        (["--before", "/no/a.png", "--after", "/no/b.png"], "CLIP"),
    ],
)
def test_wrong_usage(jepa: Jepa, arguments: list[str], named: str) -> None:
    done = jepa("explain", *arguments)
    assert (done.status, done.out) == (2, "")
    assert named in done.err


def test_the_two_pictures_fill_one_half_each(tmp_path: Path) -> None:
    from jepa_retrieval.models import load_model
    from jepa_retrieval.tasks.asking.explain import change_window
    from tests.media_factory import BLUE, RED, make_picture

    model = load_model("nano")
    make_picture(tmp_path / "a.png", colour=RED)
    make_picture(tmp_path / "b.png", colour=BLUE)
    window = change_window(tmp_path / "a.png", tmp_path / "b.png", model)
    side = model.x_encoder.image_size
    assert window.frames.shape == (model.frames_per_window, side, side, 3)
    red, blue = window.frames[:, -1, -1, 0].tolist(), window.frames[:, -1, -1, 2].tolist()
    assert red[:2] == [200, 200] and blue[2:] == [200, 200]
    assert max(red[2:]) < 60
