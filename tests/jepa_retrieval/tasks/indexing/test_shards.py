"""Indexing shards that are damaged, cut off, or made to do harm."""

import gzip
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from indexes import Index
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import ScanProblem, is_there, scan
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing import update
from jepa_retrieval.tasks.indexing.options import IndexOptions
from jepa_retrieval.tasks.indexing.report import IndexReport
from jepa_retrieval.tasks.indexing.update import IndexUpdate
from tests.jepa_retrieval.tasks.colour_model import ColourModel
from tests.media_factory import BLUE, GREEN, RED, make_picture

NAMES = ["0.png", "1.png", "2.png"]


def run(index: Index, *roots: Path) -> IndexReport:
    report = IndexUpdate(list(roots), IndexOptions(), MediaRoot(roots[0].parent)).apply(index, ColourModel())
    index.refresh()
    return report


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index.create(
        tmp_path / "index", model="colours", prompt="", fingerprint="colours", embedding_size=5
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("pictures")
    return [
        make_picture(folder / name, colour=colour).read_bytes()
        for name, colour in zip(NAMES, (RED, GREEN, BLUE), strict=True)
    ]


@pytest.fixture
def shard(pictures: list[bytes], tmp_path: Path) -> Path:
    path = tmp_path / "s.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in zip(NAMES, pictures, strict=True):
            add(archive, name, data)
    return path


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(data))


def headers(path: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(path) as archive:
        return archive.getmembers()


def flip_second_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[headers(path)[1].offset + 3] ^= 1
    path.write_bytes(data)


def wipe_second_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    begin = headers(path)[1].offset
    data[begin : begin + 512] = bytes(512)
    path.write_bytes(data)


def cut_in_second_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: headers(path)[1].offset + 200])


def cut_before_second_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: headers(path)[1].offset])


def cut_in_second_data(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: headers(path)[1].offset_data + 20])


DAMAGES = {
    flip_second_header: "damaged after member 0.png",
    wipe_second_header: "goes on beyond its end after member 0.png",
    cut_in_second_header: "cut off after member 0.png",
    cut_before_second_header: "cut off after member 0.png",
    cut_in_second_data: "damaged or cut off in member 1.png",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_shard_that_is_damaged_later_loses_nothing(
    damage: Callable[[Path], None], shard: Path, index: Index
) -> None:
    assert run(index, shard).indexed == 3
    damage(shard)
    report = run(index, shard)
    assert [(failure.path, failure.error) for failure in report.failed] == [
        ("s.tar", f"{DAMAGES[damage]}; the rest could not be read")
    ]
    assert (report.removed, set(index.known_files())) == (0, {f"s.tar/{name}" for name in NAMES})
    assert is_there(shard / "2.png")  # nobody can know


def test_a_shard_that_was_overwritten_with_zeros_loses_nothing(shard: Path, index: Index) -> None:
    run(index, shard)
    shard.write_bytes(bytes(shard.stat().st_size))
    report = run(index, shard)
    assert (report.removed, [folder.files for folder in report.absent]) == (0, [3])


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_of_a_damaged_shard_the_good_members_are_indexed_and_the_rest_is_told(
    damage: Callable[[Path], None], shard: Path, index: Index
) -> None:
    damage(shard)
    report = run(index, shard)
    assert [failure.error.partition(";")[0] for failure in report.failed] == [DAMAGES[damage]]
    assert (report.indexed, set(index.known_files())) == (1, {"s.tar/0.png"})


def test_an_index_of_a_shard_can_be_rebuilt_but_not_while_members_cannot_be_read(
    shard: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(index, shard)
    monkeypatch.setattr(update, "load_model", lambda _: ColourModel())
    rebuild = IndexUpdate([shard], IndexOptions(), MediaRoot(shard.parent)).rebuild
    fresh, report = rebuild(index, model=None, prompt=None)
    assert (report.indexed, report.failed) == (3, [])
    flip_second_header(shard)
    with pytest.raises(UsageError, match=r"2 files of the index are not there, such as .*[12]\.png"):
        rebuild(fresh, model=None, prompt=None)
    assert len(Index.open(index.folder).known_files()) == 3


def pax(records: bytes) -> bytes:
    """An extended header, to be put before a member."""
    member = tarfile.TarInfo("pax")
    member.type, member.size = tarfile.XHDTYPE, len(records)
    return member.tobuf(tarfile.USTAR_FORMAT) + records.ljust(-(-len(records) // 512) * 512, b"\0")


def long_name(size: int) -> bytes:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, size
    return member.tobuf(tarfile.GNU_FORMAT)


def negative_size() -> bytes:
    header = bytearray(tarfile.TarInfo("0.png").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xf0\x00"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize(
    "begin",
    [
        long_name(10**12) + b"x" * 1024,
        pax(b"30 size=99999999999999999999\n"),
        pax(b"13 size=-1024\n"),
        pax(b"18 GNU.sparse.size=x\n"),
        pax(b"9 a=bcd\n") * 900,
        negative_size(),
    ],
    ids=["long name", "size", "negative size", "sparse", "nested", "negative size in the header"],
)
def test_a_shard_with_wrong_numbers_is_damaged_and_other_inputs_are_indexed(
    begin: bytes, shard: Path, pictures: list[bytes], index: Index
) -> None:
    bad = shard.with_name("bad.tar")
    bad.write_bytes(begin + shard.read_bytes())
    report = run(index, shard, bad)
    assert report.indexed == 3
    assert [(failure.path, "damaged" in failure.error) for failure in report.failed] == [("bad.tar", True)]


def test_a_compressed_shard_is_told_to_be_compressed(shard: Path, index: Index) -> None:
    shard.write_bytes(gzip.compress(shard.read_bytes()))
    (failure,) = run(index, shard).failed
    assert failure.error == "is compressed with gzip; unpack it to a plain .tar first"


def test_members_that_are_no_files_below_the_shard_are_left_out_with_a_reason(
    pictures: list[bytes], tmp_path: Path, index: Index
) -> None:
    shard = tmp_path / "s.tar"
    with tarfile.open(shard, "w") as archive:
        for name in ("./a//b.png", "/etc/up.png", "../up.png", "", "twice.png", "twice.png"):
            add(archive, name, pictures[0])
        add(archive, "folder", type=tarfile.DIRTYPE)
        add(archive, "link.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(archive, "hard.png", type=tarfile.LNKTYPE, linkname="twice.png")
        add(archive, "pipe.png", type=tarfile.FIFOTYPE)
        add(archive, "late.png", pictures[1], mtime=2**60)
    report = run(index, shard)
    assert report.failed == []
    assert set(index.known_files()) == {"s.tar/a/b.png", "s.tar/twice.png", "s.tar/late.png"}
    assert report.left_out == {"unsafe name": 3, "link": 2, "special file": 1, "duplicate name": 1}
    found = scan([shard])
    list(found)
    names = {
        item.path.relative_to(shard).as_posix() for item in found.left_out if item.reason == "unsafe name"
    }
    assert names == {"%2Fetc/up.png", "%2E%2E/up.png", "%2E"}


def test_a_member_whose_name_is_too_long_is_one_failure(
    shard: Path, pictures: list[bytes], index: Index
) -> None:
    with tarfile.open(shard, "a") as archive:
        add(archive, "a" * 4000 + ".png", pictures[0])
        add(archive, "b/" * 3000 + "c.png", pictures[0])
    report = run(index, shard)
    assert report.indexed == 3
    assert [failure.error for failure in report.failed] == ["its name is too long"] * 2


def test_archives_joined_to_one_file_are_not_taken_for_the_first_alone(shard: Path, tmp_path: Path) -> None:
    joined = tmp_path / "joined.tar"
    with joined.open("wb") as file:
        for _ in range(2):
            with shard.open("rb") as one:
                shutil.copyfileobj(one, file)
    problems = [item.reason for item in scan([joined]) if isinstance(item, ScanProblem)]
    assert problems == ["goes on beyond its end after member 2.png; the rest could not be read"]
