"""An index from a stranger: it never makes a program change or open other files, and what is wrong is said."""

import json
import os
import random
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes import ClipRecord, Index, IndexFormatError, JepaError, MediaRecord, SearchSettings

pytestmark = pytest.mark.long

SIZE = 16
SHARED = Path(os.environ.get("JEPA_SHARED", "../shared")) / "data" / "faults" / "hostile"


def vectors(count, seed=0):
    values = np.random.default_rng(seed).standard_normal((count, SIZE)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def fill(index, count=6, first=0):
    with index.writer() as writer:
        for number, vector in enumerate(vectors(count, first), start=first):
            stream = vectors(2, number).astype(np.float16)
            times = np.array([[0, 1], [1, 2]], np.float32)
            writer.put(MediaRecord(f"{number}.mp4", 1, 1), [ClipRecord(0.0, 2.0, vector, times, stream)])
    return index


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A small index with an approximate vector index, sample queries, settings, calibration and a left-out list."""
    folder = tmp_path_factory.mktemp("original") / "index"
    index = fill(Index.create(folder, model="m", prompt="", fingerprint="f", embedding_size=SIZE), 90)
    index.maintenance.save_queries(vectors(20, 5))
    index.maintenance.optimize(settings=SearchSettings(kind="ivf-sq8"))
    index.save_calibration({"a": [1.0, 2.0]})
    assert list((folder / "vectors").glob("*.faiss"))
    return folder


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original, tmp_path / "index")


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / "victim.txt"
    path.write_bytes(b"precious")
    return path


def use_everything(folder):
    """Read and write the index in all ways; errors of ours are fine."""
    actions = [
        lambda index: index.search(vectors(1), k=5),
        lambda index: index.search(vectors(1), k=5, where="size > 0"),
        lambda index: index.search(vectors(40), k=5),
        lambda index: index.known_files(),
        lambda index: index.windows([0, 1]),
        lambda index: list(index.iter_clips()),
        lambda index: (
            index.stats(),
            index.left_out(),
            index.calibration(),
            index.maintenance.search_settings,
        ),
        lambda index: index.verify(),
        lambda index: fill(index, 2, first=5000),
        lambda index: index.maintenance.tune(),
        lambda index: index.maintenance.optimize(),
        lambda index: index.maintenance.save_queries(vectors(3)),
        lambda index: index.save_calibration({}),
    ]
    said = []
    for act in actions:
        try:
            act(Index.open(folder))
        except JepaError as error:
            said.append(str(error))
            assert "\n" not in str(error)
    return said


def describe(folder, change):
    path = folder / "vectors" / "vectors.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


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


def edit_manifest(folder, change):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def replace_table(folder, name, rows, **options):
    shutil.rmtree(folder / name)
    lance.write_dataset(rows, folder / name, **options)
    key = {"media.lance": "media_version", "clips.lance": "clips_version"}[name]
    edit_manifest(folder, lambda content: content["commit"].update({key: 1}))
    shutil.rmtree(folder / "vectors")


def column(rows, name, values):
    at = rows.schema.get_field_index(name)
    return rows.set_column(at, rows.schema.field(at), pa.array(values, rows.schema.field(at).type))


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        *(("media.lance", name, None) for name in ("media_id", "path", "size", "mtime_ns", "kind", "state")),
        *(("media.lance", "path", value) for value in ("", "a\0b")),
        *(("media.lance", name, "other") for name in ("kind", "state")),
        *(("media.lance", "duration", value) for value in (float("nan"), float("inf"), -1e300)),
        *(
            ("clips.lance", name, None)
            for name in ("clip_id", "media_id", "path", "kind", "embedding", "start")
        ),
        *(("clips.lance", "path", value) for value in ("", "a\0b")),
        *(("clips.lance", "start", value) for value in (float("nan"), float("inf"), 1e300)),
        *(("clips.lance", "clip_id", value) for value in (-1, 2**62)),
        *(("clips.lance", "embedding", [value] * SIZE) for value in (float("nan"), 6e4)),
        *(("clips.lance", "window_times", value) for value in (b"123", b"\xff" * 16, b"")),
        *(("clips.lance", "window_embeddings", value) for value in (b"123", b"", None)),
        *(("clips.lance", "token_size", value) for value in (0, -1, 2**31 - 1)),
    ],
)
def test_values_that_are_not_ours_are_said_or_harmless(copy, table, name, value):
    rows = lance.dataset(
        copy / table, version=getattr(Index.open(copy).manifest.commit, f"{table[:5]}_version")
    )
    rows = rows.to_table().slice(0, 4)
    values = rows[name].to_pylist()
    values[1] = value
    replace_table(copy, table, column(rows, name, values))
    use_everything(copy)


def test_tables_of_other_columns_are_refused(copy):
    rows = lance.dataset(copy / "clips.lance").to_table().slice(0, 4)
    for changed in (
        rows.drop_columns("embedding"),
        rows.rename_columns([f"x{n}" for n in range(rows.num_columns)]),
    ):
        shutil.rmtree(copy / "vectors", ignore_errors=True)
        (copy / "vectors").mkdir()
        replace_table(copy, "clips.lance", changed)
        with pytest.raises(IndexFormatError, match="it has no column"):
            Index.open(copy).search(vectors(1), k=1)
    edit_manifest(copy, lambda content: content.update(embedding_size=8))
    with pytest.raises(IndexFormatError, match="it has no column"):
        Index.open(copy).search(np.eye(1, 8, dtype=np.float32), k=1)


NUMBERS = (-1, 0, 1, 2**31, 2**63, 10**400, 1e300, -0.5)
TEXTS = ("", "x", "../x", "\x1b[31m", "\ud800", "a\0b", "x" * 100_000)
JUNK = st.sampled_from([None, True, *NUMBERS, *TEXTS, [], {}, [[]], {"file": 1}])


def paths_of(content, before=()):
    for key, value in content.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from paths_of(value, (*before, key))


def replaced(content, path, value):
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return content


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_manifest_is_a_crash(original, tmp_path_factory, data):
    content = json.loads((original / "manifest.json").read_text())
    path = data.draw(st.sampled_from(list(paths_of(content))))
    folder = tmp_path_factory.getbasetemp() / "manifests"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(replaced(content, path, data.draw(JUNK))))
    for action in (
        lambda index: index.search(vectors(1), k=1),
        lambda index: index.stats(),
        lambda index: index.writer(),
    ):
        try:
            action(Index.open(folder))
        except JepaError as error:
            assert "\n" not in str(error)
    assert {path.name for path in folder.iterdir()} <= {"manifest.json", "writer.lock"}


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "9" * 5000, "{" + '"a":1,' * 200_000 + '"b":1}', "\ufeff{}", "null"]
)
def test_manifests_that_are_not_json(copy, text):
    (copy / "manifest.json").write_text(text)
    with pytest.raises(IndexFormatError, match=r"manifest\.json"):
        Index.open(copy)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_vectors_json_is_a_crash_or_a_wrong_answer(original, tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "described"
    if not folder.exists():
        shutil.copytree(original, folder)
    content = json.loads((original / "vectors" / "vectors.json").read_text())
    path = data.draw(st.sampled_from(list(paths_of(content))))
    (folder / "vectors" / "vectors.json").write_text(json.dumps(replaced(content, path, data.draw(JUNK))))
    [hits] = Index.open(folder).search(vectors(1), k=3)
    [expected] = Index.open(original).search(vectors(1), k=3)
    assert [hit.path for hit in hits] == [hit.path for hit in expected]
    Index.open(folder).stats()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["search.json", "calibration.json", "queries.f32", "writer.json"]),
    junk=st.binary() | JUNK,
)
def test_small_files_of_any_content_are_ignored(original, tmp_path_factory, name, junk):
    folder = tmp_path_factory.getbasetemp() / "small"
    if not folder.exists():
        shutil.copytree(original, folder)
    content = (
        junk
        if isinstance(junk, bytes)
        else json.dumps({"format_version": 1, "content": junk, "memory": junk}).encode()
    )
    (folder / name).write_bytes(content)
    index = Index.open(folder)
    assert isinstance(index.maintenance.search_settings, SearchSettings)
    assert index.calibration() is None or isinstance(index.calibration(), dict)
    index.maintenance.plan()
    index.search(vectors(1), k=1)


# Mutants are tried in a process of their own with limited memory: a crash of a library would end it.
TRY = """
import json, random, resource, shutil, sys, zlib
from pathlib import Path
import numpy as np
from indexes import Index, JepaError
from indexes.vectors import search
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
search.MAX_ROWS_WITHOUT_FAISS = search.MAX_NUMPY_ROWS = 0
folder, kind = Path(sys.argv[1]), sys.argv[2]
choose = random.Random(int(sys.argv[3]))
query = np.eye(3, 16, dtype=np.float32)
for _ in range(int(sys.argv[4])):
    copy = shutil.copytree(folder, folder.parent / "mutant", dirs_exist_ok=True)
    file = choose.choice(sorted(copy.glob(kind)))
    content = bytearray(file.read_bytes())
    for _ in range(choose.randint(1, 4)):
        at = choose.choice([choose.randrange(min(len(content), 200)), choose.randrange(len(content))])
        at = choose.choice([at, len(content) - 1 - at % 200])
        new = choose.choice([b"\\xff" * 8, bytes(8), b"\\xff" * 7 + b"\\x7f", bytes([choose.randrange(256)])])
        content[at : at + len(new)] = new
    if choose.random() < 0.2:
        del content[choose.randrange(1, len(content)) :]
    file.write_bytes(content)
    description = copy / "vectors" / "vectors.json"
    document = json.loads(description.read_text())
    for stored in (document["fast"]["part"], document["hits"], document["paths"], *document["windows"].values()):
        if isinstance(stored, dict) and stored["file"] == file.name:
            stored.update(crc32=zlib.crc32(content))
            if stored is document["fast"]["part"] or stored is document["paths"]:
                stored.update(bytes=len(content))
    description.write_text(json.dumps(document))
    if "lance" in kind:
        shutil.rmtree(copy / "vectors")
    for act in (
        lambda index: index.search(query, k=5),
        lambda index: index.search(query, k=5, where="size > 0"),
        lambda index: index.windows(range(5)),
        lambda index: index.known_files(),
        lambda index: index.verify(),
    ):
        try:
            act(Index.open(copy))
        except JepaError as error:
            assert "\\n" not in str(error)
    shutil.rmtree(copy)
print("done")
"""


@pytest.mark.parametrize(
    "kind",
    [
        "vectors/*.faiss",
        "vectors/hits-*",
        "vectors/paths-*",
        "vectors/window*",
        "*.lance/data/*",
        "*.lance/_versions/*.manifest",
    ],
)
def test_no_damaged_file_ends_the_process(original, tmp_path, kind):
    copy = shutil.copytree(original, tmp_path / "index")
    seed, count = random.Random(kind).randrange(10**6), 12
    arguments = [str(copy), kind, str(seed), str(count)]
    done = subprocess.run(
        [sys.executable, "-c", TRY, *arguments], capture_output=True, text=True, timeout=240
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-2000:]


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared data")
def test_the_collected_manifests_are_refused_or_harmless(copy):
    content = json.loads((copy / "manifest.json").read_text())
    for name, change in json.loads((SHARED / "manifest-changes.json").read_text()).items():
        (copy / "manifest.json").write_text(json.dumps({**content, **change}))
        said = use_everything(copy)
        assert said or name in ("rel_root", "model_escape"), name  # these are refused where they are used


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
