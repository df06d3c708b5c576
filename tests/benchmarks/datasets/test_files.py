"""What adapters share: files that are found, tables that are read, and errors that name them."""

from pathlib import Path

import pytest

from benchmarks.datasets.files import DataSetError, MediaFolder, clock, find_file, read_table, words
from tests.benchmarks.datasets.layouts import lay_out, retrieval


def test_annotation_files_are_found_a_little_further_down(tmp_path: Path) -> None:
    lay_out(tmp_path, {"b/c/d/list.csv": "deep", "b/a/list.csv": "nearer", "b/c/d/e/other.csv": "too deep"})
    assert find_file(tmp_path, "list.csv") == tmp_path / "b/a/list.csv"
    assert find_file(tmp_path, "none.csv", "list.csv") == tmp_path / "b/a/list.csv"
    assert find_file(tmp_path, "other.csv") is None
    lay_out(tmp_path, {"annotations/list.csv": "usual"})
    assert find_file(tmp_path, "list.csv") == tmp_path / "annotations/list.csv"


def test_media_are_found_by_path_then_by_stem(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a/x.mp4": None, "b/x.mp4": None, "a/only.webp": None, "a/only.txt": "no medium"})
    media = MediaFolder(tmp_path, source="s")
    assert media.find("b/x.mp4") == tmp_path / "b/x.mp4"
    assert media.find("x.mp4") is None  # two files have that name
    assert media.find("only.jpg") == media.find("only") == tmp_path / "a/only.webp"
    assert media.find("gone.jpg") is None


def test_no_media_at_all_is_an_error(tmp_path: Path) -> None:
    lay_out(tmp_path, {"msvd_caption_test.json": [{"video": "a.avi", "caption": ["x"]}]})
    with pytest.raises(DataSetError, match=r"none of the media is here, such as a\.avi; they come from MSVD"):
        retrieval("msvd", tmp_path)


def test_a_damaged_annotation_file_is_named(tmp_path: Path) -> None:
    lay_out(tmp_path, {"msvd_caption_test.json": "[{", "MSRVTT_JSFUSION_test.csv": "a,b\n1,2\n"})
    with pytest.raises(DataSetError, match=r"msvd_caption_test\.json: not valid JSON"):
        retrieval("msvd", tmp_path)
    with pytest.raises(DataSetError, match=r"has no column 'sentence'"):
        retrieval("msrvtt-1ka", tmp_path)


def test_small_readers(tmp_path: Path) -> None:
    assert words("BlowDryHair") == words("blow_dry_hair") == "blow dry hair"
    assert words("PerformCPR") == "perform cpr"
    assert clock("00:01:02.45") == pytest.approx(62.45)
    path = tmp_path / "t.csv"
    path.write_text("\ufeffa;b\n1;2\n", encoding="utf-8")
    assert read_table(path, ("a", "b"), separators=",;") == [{"a": "1", "b": "2"}]
