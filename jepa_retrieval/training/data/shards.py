"""WebDataset shards (tar files) as img2dataset and video2dataset write them.

A recipe names local files only. Shards elsewhere (`https://`, `s3://`, ...) are read through fsspec, and only over
schemes that the user has allowed outside the recipe; nothing in a path is ever run as a command.
"""

from __future__ import annotations

import itertools
import logging
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, NamedTuple

from indexes.reasons import first_line
from jepa_retrieval.errors import UsageError
from jepa_retrieval.text_files import MAX_LINE_BYTES, decode_text, parse_json
from jepa_retrieval.training.config import SourceConfig, url_scheme
from jepa_retrieval.training.data.examples import Source, SourceBuilder, Visual
from jepa_retrieval.training.data.numbers import interval
from jepa_retrieval.training.data.tar_headers import QuickInfo

logger = logging.getLogger(__name__)

MEDIA_ENDINGS = ("jpg", "jpeg", "png", "webp", "gif", "mp4", "webm", "mkv", "avi", "mov")
TEXT_ENDINGS = ("txt", "json")
READ_AHEAD = 1 << 20  # bytes at once of a shard that is read from front to back
MAX_SHARDS = 1_000_000  # or other files that a pattern may stand for
MAX_WARNINGS = 10  # samples that are named in the log, for each source


def read_webdataset(config: SourceConfig) -> Source:
    """Shards named by a pattern such as `data/{00000..00099}.tar`.

    A sample is the files that share a stem: a medium, and `txt` with one caption or `json` with `caption` (and
    `clips` as [[start, end]] in seconds when video2dataset kept them). Samples without both, such as failed
    downloads, are left out; so are those whose text cannot be read, with a warning.

    Raises:
        UsageError: a shard cannot be read, or no sample has both a medium and a caption.
    """
    builder = SourceBuilder(config.name)
    problems: list[str] = []
    for shard in expand(config.path):
        for sample in _samples(shard):
            try:
                _add(builder, shard, sample, config.query)
            except UsageError as error:
                problems.append(str(error))
    for problem in problems[:MAX_WARNINGS]:
        logger.warning("source %s: left out: %s", config.name, problem)
    if len(problems) > MAX_WARNINGS:
        logger.warning(
            "source %s: %d further samples are left out", config.name, len(problems) - MAX_WARNINGS
        )
    source = builder.build()
    if not source.examples:
        reason = f" ({problems[0]})" if problems else ""
        raise UsageError(f"{config.path}: no sample has both a medium and a caption{reason}")
    return source


def expand(pattern: str) -> list[str]:
    """The paths that a brace pattern stands for."""
    import braceexpand

    for first, last in re.findall(r"(-?\d+)\.\.(-?\d+)", pattern):
        if len(first + last) > 20 or abs(int(last) - int(first)) >= MAX_SHARDS:
            raise UsageError(f"{pattern}: stands for more than {MAX_SHARDS:,} files")
    try:
        shards = list(itertools.islice(braceexpand.braceexpand(pattern), MAX_SHARDS + 1))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{pattern}: its braces do not match") from error
    if len(shards) > MAX_SHARDS:
        raise UsageError(f"{pattern}: stands for more than {MAX_SHARDS:,} files")
    return shards


def _samples(shard: str) -> Iterator[dict[str, tarfile.TarInfo | bytes]]:
    """Neighbouring files of a shard that share a stem, by ending: media as their entry, texts as their bytes."""
    with _open_tar(shard) as archive:
        for _, members in itertools.groupby(_files(archive), key=lambda info: _split(info.name)[0]):
            yield {_split(info.name)[1]: _content(archive, info) for info in members}


def _files(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    return (info for info in archive if info.isfile() and not info.issparse())


def _split(name: str) -> tuple[str, str]:
    """`folder/0001.en.txt` to its stem `folder/0001` and its ending `en.txt`, in lower case."""
    folder, slash, file = name.rpartition("/")
    stem, _, ending = file.partition(".")
    return f"{folder}{slash}{stem}", ending.lower()


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> tarfile.TarInfo | bytes:
    """A text file's bytes; another's entry, since only its name is needed."""
    if _split(info.name)[1] not in TEXT_ENDINGS:
        return info
    file = archive.extractfile(info)
    return file.read(MAX_LINE_BYTES + 1) if file is not None else b""


class ShardSample(NamedTuple):
    """A medium with its text, both read."""

    visual: Visual
    text: str
    data: bytes  # of the medium's file


def read_samples(shard: str, wanted: Callable[[int], bool]) -> Iterator[tuple[int, ShardSample]]:
    """The samples of a shard in its order, with their numbers; those that are not `wanted` by number are passed over.

    Samples without both a medium and a text are left out, as are those whose text cannot be read, with a warning.

    Raises:
        UsageError: the shard cannot be read.
    """
    with _open_tar(shard, buffering=READ_AHEAD) as archive:
        for place, sample in enumerate(_grouped(archive)):
            if not wanted(place):
                continue
            contents = {
                ending: _read(archive, info, shard, limit=MAX_LINE_BYTES + 1)
                if ending in TEXT_ENDINGS
                else info
                for ending, info in sample.items()
            }
            try:
                parsed = _parse(shard, contents)
            except UsageError as error:
                logger.warning("left out: %s", error)
                continue
            if parsed is not None:
                visual, text, info = parsed
                yield place, ShardSample(visual, text, _read(archive, info, shard))


def _grouped(archive: tarfile.TarFile) -> Iterator[dict[str, tarfile.TarInfo]]:
    """Neighbouring files that share a stem, by ending."""
    last: str | None = None
    sample: dict[str, tarfile.TarInfo] = {}
    for info in _files(archive):
        stem, ending = _split(info.name)
        if stem != last and sample:
            yield sample
            sample = {}
        last = stem
        sample[ending] = info
    if sample:
        yield sample


def _read(archive: tarfile.TarFile, info: tarfile.TarInfo, shard: str, *, limit: int | None = None) -> bytes:
    """A file's bytes, straight from the archive: `extractfile` takes longer than the reading."""
    file = archive.fileobj
    assert file is not None
    file.seek(info.offset_data)
    size = info.size if limit is None else min(info.size, limit)
    data = file.read(size)
    if len(data) < size:
        raise UsageError(f"{shard}: is cut short in {info.name}")
    return data


def _add(builder: SourceBuilder, shard: str, sample: dict[str, tarfile.TarInfo | bytes], query: str) -> None:
    parsed = _parse(shard, sample)
    if parsed is not None:
        builder.add(parsed[0], query, [parsed[1]])


def _parse(
    shard: str, sample: dict[str, tarfile.TarInfo | bytes]
) -> tuple[Visual, str, tarfile.TarInfo] | None:
    """The medium, its text and its entry; None for a sample that lacks one."""
    medium = next((sample[ending] for ending in MEDIA_ENDINGS if ending in sample), None)
    if not isinstance(medium, tarfile.TarInfo):
        return None
    where = f"{shard}: {_split(medium.name)[0]}"
    details: Any = {}
    if isinstance(content := sample.get("json"), bytes):
        _check_size(content, f"{where}.json")
        details = parse_json(content, where=f"{where}.json")
        if not isinstance(details, dict):
            raise UsageError(f"{where}.json: must hold an object")
    text: object = details.get("caption")
    if isinstance(content := sample.get("txt"), bytes):
        _check_size(content, f"{where}.txt")
        text = decode_text(content, where=f"{where}.txt")
    words = " ".join(str(text).split()) if text else ""
    if not words:
        return None
    start, end = _first_clip(details.get("clips"))
    return Visual(shard, member=medium.name, start=start, end=end), words, medium


def _check_size(content: bytes, where: str) -> None:
    if len(content) > MAX_LINE_BYTES:
        raise UsageError(f"{where}: is larger than {MAX_LINE_BYTES >> 20} MB")


def _first_clip(clips: object) -> tuple[float | None, float | None]:
    """The interval of a shard's clip, in seconds.

    Times that are texts are of the original video before it was cut: the shard holds the clip alone, so they are
    passed over, as is anything else that is not an interval.
    """
    first = clips[0] if isinstance(clips, list) and clips else None
    if not isinstance(first, list) or len(first) != 2:
        return None, None
    return interval(*first) or (None, None)


def read_member(shard: str, member: str) -> bytes:
    """The bytes of one file in a shard.

    Raises:
        UsageError: the shard cannot be read, or does not hold the file.
    """
    place = _members(shard).get(member)
    if place is None:
        raise UsageError(f"{shard}: holds no file {member}")
    offset, size = place
    with _open(shard) as file:  # a file object for each read: several threads read at once
        file.seek(offset)
        return file.read(size)


@lru_cache(maxsize=64)
def _members(shard: str) -> dict[str, tuple[int, int]]:
    """Where each file of a shard begins, and its size in bytes."""
    with _open_tar(shard) as archive:
        return {info.name: (info.offset_data, info.size) for info in _files(archive)}


def version_of(path: str) -> str:
    """A text that changes with a medium or shard: its size, and its time or tag of modification."""
    if url_scheme(path) is not None:
        return _remote_version(path)
    status = Path(path).stat()
    return f"{status.st_size}|{status.st_mtime_ns}"


@lru_cache(maxsize=1 << 16)
def _remote_version(path: str) -> str:
    import fsspec

    system, place = fsspec.core.url_to_fs(path)
    info = system.info(place)
    tag = next((info[key] for key in ("ETag", "etag", "mtime", "LastModified") if info.get(key)), "")
    return f"{info.get('size')}|{tag}"


@contextmanager
def _open_tar(shard: str, *, buffering: int = -1) -> Iterator[tarfile.TarFile]:
    try:
        with (
            _open(shard, buffering=buffering) as file,
            tarfile.open(fileobj=file, mode="r:", tarinfo=QuickInfo) as archive,
        ):
            yield archive
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(
            f"{shard}: cannot be read as a WebDataset shard, an uncompressed tar file ({first_line(error)})"
        ) from error


@contextmanager
def _open(shard: str, *, buffering: int = -1) -> Iterator[IO[bytes]]:
    """A shard for reading, from any place in it."""
    scheme = url_scheme(shard)
    if scheme is None:
        try:
            with Path(shard).open("rb", buffering) as file:
                yield file
        except OSError as error:
            raise UsageError(f"{shard}: cannot be read ({error.strerror or error})") from error
        return
    with _opened_elsewhere(shard, scheme) as file:
        yield file


@contextmanager
def _opened_elsewhere(shard: str, scheme: str) -> Iterator[IO[bytes]]:
    """A shard over one of the schemes that `load_config` lets pass."""
    import fsspec

    try:
        opened = fsspec.open(shard, "rb")
        file = opened.open()
    except ImportError as error:
        raise UsageError(f"{shard}: reading {scheme}:// needs another package ({error})") from error
    except Exception as error:  # each scheme's library has errors of its own
        raise UsageError(f"{shard}: cannot be opened ({str(error) or type(error).__name__})") from error
    try:
        yield file
    except OSError as error:
        raise UsageError(f"{shard}: cannot be read ({error})") from error
    finally:
        file.close()
