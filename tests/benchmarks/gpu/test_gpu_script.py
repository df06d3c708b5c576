"""The script for a GPU, tiny and on a CPU, with the packages of a machine that has little more than PyTorch."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import decoding
from benchmarks.gpu.facts import Facts
from tests.stand_in_torchcodec import install

pytestmark = pytest.mark.long

pytest.importorskip("accelerate")

REPOSITORY = Path(__file__).parents[3]
# What a rented machine for PyTorch does not have.
MISSING = (
    "av",
    "lance",
    "openvino",
    "faiss",
    "open_clip",
    "webdataset",
    "decord",
    "ftfy",
    "pillow_heif",
    "platformdirs",
)


def run(tmp_path: Path, *arguments: str, missing: Sequence[str] = MISSING) -> dict[str, Any]:
    """The written JSON."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        f"MISSING = {tuple(missing)!r}\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in MISSING:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    output = tmp_path / "gpu.json"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}", "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "benchmarks.gpu", "--smoke", "--device", "cpu", "--output", str(output)]
    subprocess.run([*command, *arguments], check=True, cwd=tmp_path, env=environment, capture_output=True)
    document: dict[str, Any] = json.loads(output.read_text())
    return document


def test_sections_without_a_gpu(tmp_path: Path) -> None:
    document = run(tmp_path, "--sections", "rotary,training,search,decoding,trainer")
    sections = document["sections"]
    assert document["complete"]
    assert {name: section["status"] for name, section in sections.items()} == dict.fromkeys(sections, "done")
    assert "av" in sections["decoding"]["not_run"]["decoding"]
    assert "av" in sections["trainer"]["not_run"]["trainer"]
    for network in ("predictor", "x_encoder", "y_encoder, queries x 2"):
        found = sections["rotary"][network]
        assert found["ours"]["relative_error"] < found["cast"]["relative_error"]
    kept = sections["training"]["recomputed"]
    assert kept["1 frames"]["largest"] == kept["8 frames"]["largest"] == 4
    assert "faiss" in sections["search"]["not_run"]["FAISS"]
    assert sections["search"]["20,000"]["torch_exact_fp16"]["queries_per_second_batch_1"] > 0


def test_a_section_that_fails_is_reported_and_the_next_goes_on(tmp_path: Path) -> None:
    (tmp_path / "faiss.py").write_text("raise ValueError('a broken library')\n")
    document = run(
        tmp_path, "--sections", "search,card", missing=[name for name in MISSING if name != "faiss"]
    )
    search, card = document["sections"]["search"], document["sections"]["card"]
    assert (search["status"], search["reason"]) == ("failed", "ValueError: a broken library")
    assert card["status"] == "done"


def test_an_unknown_section_is_named(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(tmp_path, "--sections", "cards")
    assert "no section 'cards'; there are card, decoding" in failed.value.stderr.decode()


def test_frames_of_both_ways_of_decoding_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    facts = Facts(tmp_path / "facts.json", device="cpu", smoke=True)
    decoding.run(facts)
    section = facts.content
    assert "it does not turn rotated video upright" in section["equality"]["h264_360p_rotated"]["failed"]
    for kind in ("h264_1080p", "hevc_720p"):
        found = section["equality"][kind]
        assert found["most_seconds_apart"] < 1e-3
        assert found["mean_difference_of_the_worst_frame"] < 4
    assert len(section["speed"]["h264_1080p"]) == 2
    for speeds in section["speed"]["h264_1080p"].values():
        assert speeds["pyav"]["frames"] == speeds["nvdec"]["frames"] > 0
