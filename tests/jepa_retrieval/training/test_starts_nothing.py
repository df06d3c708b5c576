"""A training recipe starts no program, whatever it says."""

import tarfile
from pathlib import Path

import pytest

from tests.jepa_retrieval.training.conftest import Recipe
from tests.media_factory import make_picture
from tests.traced import jepa

pytestmark = pytest.mark.long

HOSTILE = (
    "one.tar::pipe:touch PWNED",
    "pipe:touch PWNED",
    "pipe:touch PWNED; cat one.tar",
    "gs://bucket/one.tar",
    "s3://bucket/one.tar",
    "http://127.0.0.1:9/one.tar",
    "(touch PWNED).tar",
    "`touch PWNED`.tar",
    "ssh://-oProxyCommand=touch PWNED/one.tar",
)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Captioned pictures, as img2dataset stores them."""
    path = tmp_path / "one.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(4):
            make_picture(tmp_path / f"{number}.jpg", size=(64, 64))
            (tmp_path / f"{number}.txt").write_text("a red thing")
            for ending in ("jpg", "txt"):
                tar.add(tmp_path / f"{number}.{ending}", f"{number}.{ending}")
    return path


def test_training(recipe: Recipe, shard: Path, tmp_path: Path) -> None:
    phases = '[[phases]]\nname = "images"\nsteps = 2\nbatch_size = 4'
    good = recipe("good.toml", sources=source(str(shard)), phases=phases)
    hostile = [recipe(f"{number}.toml", sources=source(path)) for number, path in enumerate(HOSTILE)]
    programs = jepa(
        (0, ["train", "pretrain", str(good), "--json"]),
        *((2, ["train", "pretrain", str(path)]) for path in hostile),
        cwd=tmp_path,
    )
    assert programs == []
    assert not list(tmp_path.rglob("PWNED"))


def source(path: str) -> str:
    return f'[[sources]]\nname = "pairs"\nformat = "webdataset"\npath = "{path}"'
