"""`jepa surprise`, `anticipate`, `plan` and `train dynamics` on real videos, with nano's own dynamics."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Jepa
from tests.media_factory import make_video
from tests.real_media import photograph, video
from tests.unprivileged import unprivileged
from tests.vjepa2_checkpoint import tiny_vjepa2

pytestmark = pytest.mark.long


def test_surprise_of_a_file(jepa: Jepa, tmp_path: Path) -> None:
    bikes = video("bikes.mp4")
    done = jepa("surprise", bikes, "--min-z", "0", "--html", tmp_path / "page.html", "--json")
    assert (done.status, done.err) == (0, f"Wrote {tmp_path / 'page.html'}\n")
    document = json.loads(done.out)
    assert (document["path"], document["model"]) == (str(bikes), "nano")
    z = [one["z"] for one in document["surprises"]]
    assert z and z == sorted(z, reverse=True)
    times = [time for time, _ in document["curve"]]
    assert times == [number / 2 for number in range(20)]
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<polyline" in page and "data:image/jpeg" in page
    assert "<script" not in page and 'src="http' not in page
    ticks = re.findall(r'<span style="left: ([\d.]+)%">([\d:.]+)</span>', page)
    assert ticks[0] == ("0.00", "0:00") and [text for _, text in ticks[:3]] == ["0:00", "0:02", "0:04"]


def test_surprise_as_lines(jepa: Jepa) -> None:
    bikes = video("bikes.mp4")
    lines = jepa("surprise", bikes, "--min-z", "0", "--top", "2").out.splitlines()
    assert len(lines) <= 2 and all(line.split("\t")[2] == str(bikes) for line in lines)
    calm = jepa("surprise", bikes, "--min-z", "1000")
    assert (calm.status, calm.out) == (0, "") and "nothing with a z-score of 1000" in calm.err


def test_surprise_of_an_index(jepa: Jepa, library: Path) -> None:
    done = jepa("surprise", "--index", library, "--min-z", "0", "--json")
    assert (done.status, done.err) == (0, "")
    document = json.loads(done.out)
    assert sorted(document) == ["clips", "index", "model", "surprises"]
    assert {one["path"] for one in document["surprises"]} <= {
        "videos/bikes.mp4",
        "videos/carphone_pristine.mp4",
    }
    none = jepa("surprise", "--index", library, "--where", "kind = 'image'")
    assert (none.status, none.out) == (0, "")


def test_surprise_by_the_predictor_of_vjepa2(jepa: Jepa, tmp_path: Path) -> None:
    folder = tiny_vjepa2(tmp_path / "vjepa2")
    clip = make_video(tmp_path / "a.mp4", seconds=3.0, fps=6)
    done = jepa("surprise", clip, "--model", folder, "--min-z", "0", "--json")
    assert (done.status, done.err) == (0, "")
    document = json.loads(done.out)
    assert document["model"] == f"local:{folder}" and len(document["curve"]) == 9
    refused = jepa("surprise", clip, "--model", folder, "--dynamics", clip)
    assert refused.status == 2 and "--dynamics has no effect with --model" in refused.err


def test_anticipate(jepa: Jepa, library: Path) -> None:
    bikes = video("bikes.mp4")
    options = ("--at", "0:05", "--horizon", "1,4", "--labels", "bicycles,a cat", "--index", library)
    done = jepa("anticipate", bikes, *options, "--json")
    assert (done.status, done.err) == (0, "")
    document = json.loads(done.out)
    assert document["at"] == 5.0
    near, far = document["horizons"]
    assert (near["seconds"], far["seconds"]) == (1.0, 4.0)
    assert near["labels"][0]["label"] == "bicycles"
    assert near["moments"][0]["path"] == "videos/bikes.mp4"
    assert 0 <= far["confidence"] <= near["confidence"] <= 1
    assert near["text"]
    lines = [line.split("\t") for line in jepa("anticipate", bikes, *options, "--top", "1").out.splitlines()]
    assert [line[0] for line in lines] == ["1 s"] * 3 + ["4 s"] * 3
    assert lines[1][2] == "label: bicycles" and lines[2][3] == "videos/bikes.mp4"


def test_a_cut_off_file_ends_with_1(jepa: Jepa, tmp_path: Path) -> None:
    fast = {"container_options": {"movflags": "faststart"}, "gop": 25}
    cut = make_video(tmp_path / "cut.mp4", seconds=16.0, **fast)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 6 // 10])
    for command in (["anticipate", cut], ["surprise", cut, "--min-z", "0"]):
        done = jepa(*command, "--json")
        assert done.status == 1 and f"Warning: {cut}: is cut off: " in done.err
        assert json.loads(done.out)["partial"].startswith("is cut off: ")


def test_a_file_is_looked_at_with_the_model_of_the_nearest_index(
    jepa: Jepa, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library)
    anticipated = json.loads(jepa("anticipate", video("bikes.mp4"), "--horizon", "1", "--json").out)
    assert anticipated["horizons"][0]["moments"][0]["path"] == "videos/bikes.mp4"
    shutil.copytree(library / ".jepa", tmp_path / ".jepa")
    (tmp_path / ".jepa" / "dynamics.safetensors").write_bytes(b"no dynamics")
    monkeypatch.chdir(tmp_path)
    for command in ("anticipate", "surprise"):
        done = jepa(command, video("bikes.mp4"))
        assert done.status == 2 and str(tmp_path / ".jepa" / "dynamics.safetensors") in done.err
        assert f"train it again: jepa train dynamics --index {tmp_path / '.jepa'}" in done.err
        other = jepa(command, video("bikes.mp4"), "--model", "vl-jepa-small", "--index", tmp_path)
        assert (
            other.status == 2 and "was made with the model nano, not with --model vl-jepa-small" in other.err
        )
    checked = jepa("verify")
    assert "unusable dynamics" in checked.out and "jepa train dynamics --index" in checked.out
    (tmp_path / ".jepa" / "dynamics.safetensors").unlink()
    os.mkfifo(tmp_path / ".jepa" / "dynamics.safetensors")  # reading it would not end
    assert "dynamics.safetensors: is not a regular file" in jepa("verify").out


def test_a_damaged_index_near_a_file_is_passed_over_with_a_warning(
    jepa: Jepa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media, elsewhere = tmp_path / "media", tmp_path / "elsewhere"
    media.mkdir()
    elsewhere.mkdir()
    film = make_video(media / "a.mp4", seconds=2)
    assert jepa("index", media).status == 0
    monkeypatch.chdir(elsewhere)
    anticipate = ("anticipate", film, "--horizon", "1")
    whole = jepa(*anticipate)
    assert whole.status == 0
    data = next((media / ".jepa" / "clips.lance" / "data").iterdir())
    data.write_bytes(data.read_bytes()[:100])
    done = jepa(*anticipate)
    assert done.status == 1 and done.out.splitlines()[0] == whole.out.splitlines()[0]
    assert f"Warning: moments of the index {media / '.jepa'} are left out: " in done.err
    refused = jepa(*anticipate, "--index", media)
    assert refused.status == 2 and f"{media / '.jepa'} is damaged" in refused.err
    again = jepa("classify", film, "--labels", "a cat,a dog")
    assert again.status == 0 and len(again.out.splitlines()) == 1
    assert f"Warning: the index {media / '.jepa'} is not used, and files are read again: " in again.err
    (media / ".jepa" / "manifest.json").write_text("{")
    for command, status in ((anticipate, 1), (("surprise", film, "--min-z", "0"), 0)):
        done = jepa(*command)
        assert done.status == status and done.out
        assert f"Warning: the index {media / '.jepa'} is not used: " in done.err


def test_plan(jepa: Jepa, library: Path) -> None:
    cat, coffee = photograph("chelsea.png"), photograph("coffee.png")
    done = jepa("plan", "--from", cat, "--to", coffee, "--steps", "2", "--index", library, "--json")
    assert (done.status, done.err) == (0, "")
    document = json.loads(done.out)
    assert (document["from"], document["to"]) == (str(cat), str(coffee))
    assert len({step["clip_id"] for step in document["steps"]}) == 2
    lines = jepa("plan", "--from", cat, "--to", coffee, "--index", library).out.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["surprise", "/no/a.mp4"], "/no/a.mp4"),
        (["surprise", "a.mp4", "--where", "duration > 1"], "--where requires an index"),
        (["surprise", "--html", "a.html"], "--html requires FILE"),
        (["surprise", "a.mp4", "--dynamics", "/no/d.safetensors"], "/no/d.safetensors"),
        (["anticipate", "/no/a.mp4"], "/no/a.mp4"),
        (["anticipate", "a.mp4", "--horizon", "soon"], "'soon' is not a time"),
        (["anticipate", "a.mp4", "--horizon", "0"], "--horizon 0"),
        (["anticipate", "a.mp4", "--at", "0"], "--at 0: nothing comes before the beginning"),
        (["plan", "--from", "/no/a.png", "--to", "/no/b.png"], "/no/a.png"),
        (["train", "dynamics"], "RECIPE or --index"),
        (["train", "dynamics", "--index", "/no", "--set", "rate=1"], "--set requires a RECIPE"),
    ],
)
def test_wrong_usage(jepa: Jepa, arguments: list[str], named: str) -> None:
    done = jepa(*arguments)
    assert (done.status, done.out) == (2, "")
    assert named in done.err


def test_a_small_index_has_too_little_to_learn_from(jepa: Jepa, library: Path) -> None:
    done = jepa("train", "dynamics", "--index", library)
    assert done.status == 2 and "at least 2 videos" in done.err


def test_where_the_result_cannot_go_is_told_before_the_work(
    jepa: Jepa, library: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "videos.toml"
    recipe.write_text(f'media = ["{tmp_path / "missing"}"]\noutput = "videos.toml/out"\n')
    done = jepa("train", "dynamics", recipe)
    assert done.status == 2 and "videos.toml/out: cannot be written" in done.err
    shutil.copytree(library / ".jepa", tmp_path / ".jepa")
    (tmp_path / ".jepa").chmod(0o555)
    command = [*unprivileged(), sys.executable, "-m", "cli.main", "train", "dynamics", "--index", tmp_path]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and f"cannot write to {tmp_path / '.jepa'}: " in refused.stderr


def test_train_on_a_folder_of_videos(jepa: Jepa, tmp_path: Path) -> None:
    recipe = tmp_path / "videos.toml"
    recipe.write_text(
        f'media = ["{video("bikes.mp4").parent}"]\noutput = "out"\n[train]\nsteps = 2\nwidth = 32\n'
    )
    small = ("--set", "train.state_size=8", "--set", "train.optim.warmup_steps=1")
    done = jepa("--no-progress", "train", "dynamics", recipe, *small, "--json")
    assert done.status in (0, 1), done.err
    document = json.loads(done.out)
    assert document["videos"] >= 2 and document["dynamics"] == str(tmp_path / "out" / "dynamics.safetensors")
    found = jepa("surprise", video("bikes.mp4"), "--dynamics", document["dynamics"], "--json")
    assert found.status == 0, found.err
    wrong = jepa("train", "dynamics", recipe, "--set", "train.nothing=1")
    assert wrong.status == 2 and "nothing" in wrong.err


def test_surprise_of_an_index_imports_no_pytorch(library: Path) -> None:
    code = (
        "import sys; from cli.main import main;"
        f"status = main(['surprise', '--index', {str(library)!r}, '--json']);"
        "sys.exit(status or any(name in sys.modules for name in ('torch', 'transformers', 'av')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
