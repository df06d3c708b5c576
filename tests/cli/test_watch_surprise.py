"""`jepa watch --surprise`: a made scene in which, at the end, something happens that never happened before."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from jepa_retrieval.models.runtime import scene
from tests.cli.conftest import Jepa

SECONDS, EVENT = 30.0, 25.0  # of the stream, and where the unusual thing begins
FPS = 4
LEARN = 18
SENTENCES = "A square moves.\nA cat is sleeping on a sofa.\n"


def write_scene(path: Path) -> Path:
    """A floor with texture, on which a square goes to and fro; from `EVENT` on, a larger one races."""
    random = np.random.default_rng(0)
    floor = random.integers(90, 130, (60, 80)).repeat(4, axis=0).repeat(4, axis=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.bit_rate = 4_000_000
        for number in range(int(SECONDS * FPS)):
            picture = np.stack([floor] * 3, axis=-1).astype(np.uint8)
            left = 10 + 6 * abs(number % 40 - 20)
            picture[40:70, left : left + 30] = (200, 60, 60)
            if number >= EVENT * FPS:
                left = 37 * number % 280
                picture[160:200, left : left + 40] = (40, 40, 220)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "MIN_STEPS", 40)


@pytest.fixture
def options(tmp_path: Path) -> list[object]:
    sentences = tmp_path / "sentences.txt"
    sentences.write_text(SENTENCES)
    kept = tmp_path / "scene.safetensors"
    return ["--sentences", sentences, "--surprise", 5, "--learn", f"{LEARN}s", "--scene", kept, "--json"]


def surprises(out: str) -> list[dict[str, float]]:
    return [row for row in map(json.loads, out.splitlines()) if "surprise" in row]


def test_what_never_happened_before_is_reported_once(
    jepa: Jepa, options: list[object], tmp_path: Path
) -> None:
    path = write_scene(tmp_path / "a.mp4")
    told = tmp_path / "told.txt"
    command = tmp_path / "tell.sh"
    command.write_text(f'#!/bin/sh\necho "$JEPA_ALERT_TEXT $JEPA_ALERT_Z" > {told}\n')
    command.chmod(0o755)
    done = jepa("watch", path, *options, "--alert-command", command)
    assert done.status == 0, done.err
    (found,) = surprises(done.out)
    assert list(found) == ["surprise", "start", "end"]
    assert EVENT - 0.5 <= found["start"] <= EVENT + 1.5 and found["surprise"] >= 5
    assert "What is learnt of this scene is kept in" in done.err and "1 surprise" in done.err
    text, z = told.read_text().split()
    assert text == "surprise" and float(z) == pytest.approx(found["surprise"], abs=0.01)
    # The next run knows the scene: it is looked at from the beginning.
    again = jepa("watch", path, *options, "--for", 5)
    assert "Continues with what was learnt of this scene" in again.err and surprises(again.out) == []


def test_a_scene_of_another_rate_is_refused_and_kept(
    jepa: Jepa, options: list[object], tmp_path: Path
) -> None:
    path = write_scene(tmp_path / "a.mp4")
    (tmp_path / "kept").mkdir()
    kept = tmp_path / "kept" / "scene.safetensors"
    link = tmp_path / "scene.safetensors"  # the file of `options`
    link.symlink_to(kept)
    short = jepa("watch", path, *options, "--for", 12)
    assert short.status == 0, short.err
    assert "takes 18 s of the stream, of which 12 s were seen: no surprise could be reported" in short.err
    assert link.is_symlink() and kept.is_file()
    before = kept.read_bytes()
    refused = jepa("watch", path, *options, "--rate", 4)
    assert (refused.status, refused.out) == (2, "")
    assert f"{link}: was learnt at 2 windows per second, not at 4" in refused.err
    assert kept.read_bytes() == before


def test_a_scene_is_not_kept_behind_a_link_that_leads_nowhere(
    jepa: Jepa, options: list[object], tmp_path: Path
) -> None:
    link = tmp_path / "scene.safetensors"
    link.symlink_to(tmp_path / "gone" / "scene.safetensors")
    done = jepa("watch", "a.mp4", *options)
    assert (done.status, "cannot be written" in done.err) == (2, True)
    link.unlink()
    link.symlink_to(link)
    done = jepa("watch", "a.mp4", *options)
    assert (done.status, "leads in a circle" in done.err) == (2, True)
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--learn", "10m"], "--learn requires --surprise"),
        (["--scene", "a.safetensors"], "--scene requires --surprise"),
        (["--surprise", "8", "--learn", "soon"], "'soon' is not a time"),
        (["--surprise", "8", "--learn", "0"], "--learn must be longer than 0 seconds"),
        (["--alert-command", "true"], "requires --alert or --surprise"),
    ],
)
def test_wrong_usage(jepa: Jepa, arguments: list[str], named: str) -> None:
    done = jepa("watch", "a.mp4", *arguments)
    assert (done.status, done.out) == (2, "") and named in done.err
