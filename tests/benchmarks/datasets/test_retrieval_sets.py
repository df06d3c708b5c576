"""Adapters of retrieval sets on a small data set in its published layout; see `layouts`."""

import json
from pathlib import Path

import pytest

from benchmarks.datasets.files import DataSetError
from benchmarks.datasets.shapes import (
    Clip,
)
from tests.benchmarks.datasets.layouts import lay_out, retrieval


@pytest.mark.parametrize("separator", [",", ";"])
def test_msrvtt_1ka_with_either_separator(tmp_path: Path, separator: str) -> None:
    rows = [("key", "vid_key", "video_id", "sentence"), ("ret0", "msr9", "video9", "a man; a dog, a cat")]
    quoted = separator.join(f'"{cell}"' for cell in rows[1])
    text = f"{separator.join(rows[0])}\r\n{quoted}\r\nret1{separator}msr7{separator}video7{separator}gone\r\n"
    lay_out(tmp_path, {"MSRVTT_JSFUSION_test.csv": text, "videos/all/video9.mp4": None})
    data = retrieval("msrvtt-1ka", tmp_path)
    assert data.clips == (Clip(tmp_path / "videos/all/video9.mp4"),)
    assert (data.captions, data.owners, data.named) == (("a man; a dog, a cat",), (0,), 2)


@pytest.mark.parametrize(
    ("name", "file"), [("msrvtt-full", "msrvtt_caption_test.json"), ("msvd", "msvd_caption_test.json")]
)
def test_captions_of_several_people(tmp_path: Path, name: str, file: str) -> None:
    rows = [{"video": "a_1_2.avi", "caption": ["one", "two "]}, {"video": "b.avi", "caption": ["three"]}]
    lay_out(tmp_path, {file: rows, "v/a_1_2.mp4": None, "v/b.avi": None})
    data = retrieval(name, tmp_path)
    assert [clip.path.name for clip in data.clips] == ["a_1_2.mp4", "b.avi"]
    assert (data.captions, data.owners) == (("one", "two", "three"), (0, 0, 1))


@pytest.mark.parametrize(("name", "file"), [("didemo", "test_data.json"), ("didemo-val", "val_data.json")])
def test_didemo_joins_the_descriptions_of_a_video(tmp_path: Path, name: str, file: str) -> None:
    rows = [
        {"video": "1@N01_2_ab.mov", "description": "a bird flies.", "times": [[0, 0]]},
        {"video": "3@N00_4_cd.3gp", "description": "rain"},
        {"video": "1@N01_2_ab.mov", "description": "it lands"},
    ]
    lay_out(tmp_path, {file: rows, "1@N01_2_ab.mp4": None, "3@N00_4_cd.3gp": None})
    data = retrieval(name, tmp_path)
    assert data.captions == ("a bird flies. it lands", "rain")
    assert data.clips[0] == Clip(tmp_path / "1@N01_2_ab.mp4", 0.0, 30.0)


def test_activitynet_joins_the_sentences(tmp_path: Path) -> None:
    rows = {"v_a-b": {"duration": 9.0, "timestamps": [[0, 1], [1, 9]], "sentences": [" One.", "Two. "]}}
    lay_out(tmp_path, {"val_1.json": rows, "v_a-b.mkv": None})
    assert retrieval("activitynet", tmp_path).captions == ("One. Two.",)


def test_youcook2_has_parts_of_videos(tmp_path: Path) -> None:
    text = "end,start,task,text,video_id\n60,47,226,pick the ends off,xH-8\n89,67,226,mix,xH-8\n"
    lay_out(tmp_path, {"validation_youcook.csv": text, "validation/226/xH-8.webm": None})
    path = tmp_path / "validation/226/xH-8.webm"
    assert retrieval("youcook2", tmp_path).clips == (Clip(path, 47.0, 60.0), Clip(path, 67.0, 89.0))


def test_pvd_bench_takes_captions_by_humans(tmp_path: Path) -> None:
    files = {
        "test/0/1.json": {"human_caption": "a street", "model_caption": "x"},
        "test/0/1.mp4": None,
        "test/0/2.json": {"human_caption": None, "model_caption": "x"},
        "test/0/2.mp4": None,
    }
    data = retrieval("pvd-bench", lay_out(tmp_path, files))
    assert (data.captions, data.named) == (("a street",), 1)


def test_pvd_bench_asks_for_its_shards_to_be_unpacked(tmp_path: Path) -> None:
    lay_out(tmp_path, {"test/000000.tar": None})
    with pytest.raises(DataSetError, match=r"unpack the tar shards.*facebook/PE-Video"):
        retrieval("pvd-bench", tmp_path)


def test_dream_1k_takes_the_reference(tmp_path: Path) -> None:
    def part(reference: str | None) -> dict[str, object]:
        return {"content": [{"reference": reference, "text": "t"}]}

    lines = [json.dumps({"messages": [part(None), part(f"video {n}")], "vid": n}) for n in (1, 2)]
    lay_out(tmp_path, {"DREAM-1k.jsonl": "\n".join(lines), "video/1.mp4": None, "video/2.mp4": None})
    data = retrieval("dream-1k", tmp_path)
    assert [(clip.path.stem, text) for clip, text in zip(data.clips, data.captions, strict=True)] == [
        ("1", "video 1"),
        ("2", "video 2"),
    ]


def test_vdc_1k_takes_the_detailed_caption(tmp_path: Path) -> None:
    row = {"video_name": "x.1.mp4", "video_id": "x", "detailed_caption": "long", "short_caption": "s"}
    lay_out(tmp_path, {"VDC_1k.jsonl": json.dumps(row) + "\n\n", "videos/x.1.mp4": None})
    assert retrieval("vdc-1k", tmp_path).captions == ("long",)


def test_flickr8k_takes_the_split(tmp_path: Path) -> None:
    files = {
        "Flickr8k.token.txt": "1_a.jpg#0\tone\n1_a.jpg#1\tuno\n2_b.jpg#0\ttwo\n",
        "Flickr_8k.testImages.txt": "2_b.jpg\n",
        "Flickr_8k.devImages.txt": "1_a.jpg\n",
        "images/1_a.webp": None,
        "images/2_b.webp": None,
    }
    lay_out(tmp_path, files)
    assert retrieval("flickr8k", tmp_path).captions == ("two",)
    assert retrieval("flickr8k-dev", tmp_path).captions == ("one", "uno")


def test_panda70m_has_a_pool_without_games(tmp_path: Path) -> None:
    text = "file\tcaption\tcategory\na.1.mp4\ta rhino\tAnimal\nb.2.mp4\ta game\tGaming and 3D Rendering\n"
    lay_out(tmp_path, {"MANIFEST.tsv": text, "a.1.mp4": None, "b.2.mp4": None})
    data = retrieval("panda70m", tmp_path)
    assert data.subsets == {"without 'Gaming and 3D Rendering'": frozenset([0])}
