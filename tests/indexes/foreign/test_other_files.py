"""An index from a stranger never makes a program change or open other files."""

import os
import shutil
import subprocess
import sys
import zlib

import lance
import pytest

from indexes import Index, IndexFormatError, JepaError
from tests.indexes.foreign.conftest import describe, edit_manifest, fill, use_everything, vectors

pytestmark = pytest.mark.long

KEYS = ["embeddings", "hits", "paths", "fast", "rows", "spans"]


def named(content, key):
    """The entry of one file in vectors.json."""
    if key == "fast":
        return content["fast"]["part"]
    return content["windows"][key] if key in ("rows", "spans") else content[key]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "name", ["{victim}", "../../victim.txt", "sub/../../../victim.txt", "link", "..", "a\0b", 5]
)
def test_no_name_in_vectors_json_leads_out(copy, victim, key, name):
    if name == "link":
        (copy / "vectors" / "link").symlink_to(victim)
    name = str(victim) if name == "{victim}" else name
    lies = {"rows": 0, "bytes": 0, "crc32": 0}, {"rows": 4, "bytes": 8, "crc32": zlib.crc32(b"precious")}
    for lie in lies:
        describe(copy, lambda content, lie=lie: named(content, key).update(file=name, **lie))
        use_everything(copy)
        assert victim.read_bytes() == b"precious"
        assert sorted(path.name for path in victim.parent.iterdir()) == ["index", "victim.txt"]


def test_answers_stay_right_when_vectors_json_lies(original, copy, victim):
    expected = Index.open(original).search(vectors(5), k=3)
    describe(copy, lambda content: content["embeddings"].update(file=str(victim), rows=0, bytes=0, crc32=0))
    index = Index.open(copy)
    assert [[hit.path for hit in hits] for hits in index.search(vectors(5), k=3)] == [
        [hit.path for hit in hits] for hits in expected
    ]
    fill(index, 1, first=9000)
    assert index.verify() == []
    assert index.count_clips() == 91


@pytest.mark.parametrize("name", ["data/../../../victim.txt", "../victim.txt", "{victim}", "data/lost.lance"])
def test_a_list_of_clips_files_that_lies_changes_no_answer(original, copy, victim, name):
    expected = Index.open(original).search(vectors(3), k=3)
    name = name.format(victim=victim)
    describe(copy, lambda content: content["table"].update(files={name: victim.stat().st_size}))
    assert Index.open(copy).search(vectors(3), k=3) == expected
    use_everything(copy)
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "link",
    [
        *(
            "vectors",
            "media.lance",
            "clips.lance",
            "clips.lance/data",
            "clips.lance/_versions",
            "manifest.json",
        ),
        *("writer.json", "writer.lock", "search.json", "queries.f32", "calibration.json", "left_out.jsonl"),
        *(
            "vectors/vectors.json",
            "vectors/hits",
            "vectors/embeddings",
            "vectors/windows",
            "clips.lance/data/file",
        ),
    ],
)
def test_no_link_in_an_index_is_followed(copy, tmp_path, link):
    place = copy / link
    if not place.exists() and (
        found := sorted(place.parent.glob("*" if place.name == "file" else f"{place.name}*"))
    ):
        place = found[0]
    outside = tmp_path / "outside"
    if place.exists():
        place.rename(outside)
    else:
        outside.write_bytes(b"precious")
    place.symlink_to(outside)
    before = {path: path.read_bytes() for path in (outside, *outside.rglob("*")) if path.is_file()}
    use_everything(copy)
    after = {path: path.read_bytes() for path in (outside, *outside.rglob("*")) if path.is_file()}
    assert after == before


def test_a_folder_with_a_link_is_not_written_to(copy, victim):
    (copy / "vectors" / "extra").symlink_to(victim.parent)
    with pytest.raises(IndexFormatError, match="is not safe to write to"):
        Index.open(copy).writer()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize(
    "name", ["manifest.json", "vectors/vectors.json", "search.json", "clips.lance/data/x.lance"]
)
def test_a_pipe_does_not_stop_the_program(copy, name):
    (copy / name).unlink(missing_ok=True)
    os.mkfifo(copy / name)
    code = (
        "import sys; from indexes import Index, JepaError\n"
        "try: Index.open(sys.argv[1]).search([[1.0] * 16], k=5, where='size > 0')\n"
        "except JepaError as error: print(error)"
    )
    subprocess.run([sys.executable, "-c", code, str(copy)], check=True, timeout=60)


def test_a_table_of_files_elsewhere_is_refused(copy, tmp_path):
    commit = Index.open(copy).manifest.commit
    table = lance.dataset(copy / "media.lance", version=commit.media_version)
    rows = table.to_table()
    shutil.rmtree(copy / "media.lance")
    other = tmp_path / "elsewhere"
    other.mkdir()
    lance.write_dataset(
        rows,
        copy / "media.lance",
        initial_bases=[lance.DatasetBasePath(str(other), name="there", is_dataset_root=False)],
        target_bases=["there"],
    )
    edit_manifest(copy, lambda content: content["commit"].update(media_version=1))
    with pytest.raises(IndexFormatError, match="refers to files in other folders"):
        Index.open(copy).known_files()
    with pytest.raises(JepaError):
        Index.open(copy).writer()


def test_opening_touches_nothing_but_the_index(copy):
    edit_manifest(copy, lambda content: content.update(model="open_clip:ViT-B-32/laion2b_s34b_b79k"))
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('a connection')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from indexes import Index\n"
        "index = Index.open(sys.argv[1]); index.search([[1.0] * 16], k=5, where='size > 0'); index.verify()\n"
        "assert not {'torch', 'open_clip', 'huggingface_hub', 'jepa_retrieval'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(copy)], check=True)


@pytest.mark.parametrize("name", ["media.lance", "clips.lance"])
def test_a_table_behind_a_link_is_not_read(copy, tmp_path, name):
    (copy / name).rename(tmp_path / name)
    (copy / name).symlink_to(tmp_path / name)
    shutil.rmtree(copy / "vectors")
    index = Index.open(copy)
    with pytest.raises(IndexFormatError, match="symbolic link"):
        index.known_files() if name == "media.lance" else index.search(vectors(1), k=1)
