"""How the command line reads paths."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import console
from indexes.reasons import NO_SUCH_FILE, reason
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import SHARD_SUFFIX, is_ordinary, is_remote, shard_of
from jepa_retrieval.user_paths import exists, is_existing_file, link_target, not_a_file, user_path


def parse_path(text: str) -> Path:
    """A path argument, with `~` expanded. Raises ValueError, which typer reports with the argument's name."""
    try:
        return user_path(text)
    except UsageError as error:
        raise ValueError(str(error)) from error


def require_file(path: Path) -> Path:
    """`path`, if it is a file; one in a store or an archive is looked for when it is read.

    Raises:
        UsageError: there is nothing, or something else.
    """
    if not is_ordinary(path):
        return path
    if not exists(path):
        raise UsageError(f"{path}: {NO_SUCH_FILE}")
    if (fault := not_a_file(path)) is not None:
        raise UsageError(f"{path}: {fault}")
    return path


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that a command is to write.

    Attributes:
        option: what names it, for errors, such as "--html".
        path: None if it is not given.
        endings: one of which its name must have; any if there are none.
    """

    option: str
    path: Path | None
    endings: tuple[str, ...] = ()


def require_outputs(*outputs: OutputFile, inputs: Sequence[Path | None] = ()) -> None:
    """Refuse files that cannot be written or whose writing would lose something. Checked before anything is opened.

    Warns of files that would be taken for what is said in a video beside them.

    Args:
        outputs: all files that the command is to write.
        inputs: the files that it reads, as far as they are given.

    Raises:
        UsageError: two outputs are one file, an output is an input, or `require_writable` refuses it. The message
            names the options.
    """
    given = [(output, output.path) for output in outputs if output.path is not None]
    for (first, a), (second, b) in itertools.combinations(given, 2):
        if _is_one_file(a, b):
            raise UsageError(f"{first.option} and {second.option} name the same file: {b}")
    for output, path in given:
        try:
            if any(one is not None and _is_of(path, one) for one in inputs):
                raise UsageError(f"{path}: the command reads this file, which would be replaced")
            require_writable(path, endings=output.endings)
        except UsageError as error:
            raise UsageError(f"{output.option} {error}") from None
    for output, path in given:
        if media := _media_with_subtitles(path):
            console.warning(
                f"{output.option} {path}: it will be taken for what is said in {media.name}, as subtitles beside a "
                f"video are; a name such as {_other_name(path, media)} avoids that"
            )


def require_writable(path: Path, *, endings: Sequence[str] = ()) -> Path:
    """`path`, if a file can be written there. Checked before the work whose results it is to hold.

    A symbolic link is followed. Media, archives and lists of them, and subtitles beside media are not replaced; but a
    chart that this program drew is, by another one. The folder of an index is for its own files.

    Args:
        path: where to.
        endings: one of which the name must have; any if there are none.

    Raises:
        UsageError: the name has another ending; its folder does not exist, cannot be written or is an index; a
            folder, a read-only file or one that is not replaced is there.
    """
    if endings and path.suffix.lower() not in endings:
        named = [ending for ending in endings if ending != ".htm"]  # the short form of .html
        raise UsageError(f"{path}: the name must end in {' or '.join(named)}")
    from jepa_retrieval.index_folder import holds_records

    target = link_target(path)
    folder = target.parent
    if target.is_symlink():
        raise UsageError(f"{path}: cannot be written: its symbolic link leads in a circle")
    if not folder.is_dir():
        raise UsageError(f"{path}: cannot be written: {folder}: {NO_SUCH_FILE}")
    if path.is_dir():
        raise UsageError(f"{path}: cannot be written: it is a folder")
    is_special = exists(path) and not is_existing_file(path)  # written to itself, where others are replaced
    if (exists(path) and not os.access(path, os.W_OK)) or not (is_special or os.access(folder, os.W_OK)):
        raise UsageError(f"{path}: cannot be written: permission denied")
    if any(map(holds_records, target.absolute().parents)):
        is_there = "a file of an index is there, which is not replaced"
        raise UsageError(
            f"{path}: {is_there if is_existing_file(path) else 'is inside an index'}: name another file"
        )
    if is_existing_file(path):
        _require_replaceable(path, target, may_be_chart=".png" in endings)
    return path


def _require_replaceable(path: Path, target: Path, *, may_be_chart: bool) -> None:
    from jepa_retrieval.media.kinds import is_media_file
    from jepa_retrieval.media.sources.manifest import lists_media
    from jepa_retrieval.report.chart_files import is_chart

    try:
        if lists_media(path) or lists_media(target):
            raise UsageError(
                f"{path}: a list of media for 'jepa index' is there, which is not replaced: name another file"
            )
        is_kept = any(one.suffix == SHARD_SUFFIX or is_media_file(one) for one in (path, target))
        if is_kept and not (may_be_chart and is_chart(target)):
            raise UsageError(
                f"{path}: a media file or an archive is there, which is not replaced: name another file"
            )
    except OSError as error:
        raise UsageError(f"{path}: cannot be replaced, as it cannot be read: {reason(error)}") from error
    if target.stat().st_size and (media := _media_with_subtitles(path)):
        raise UsageError(
            f"{path}: subtitles of {media.name} are there, which are not replaced: name another file, such as "
            f"{_other_name(path, media)}"
        )


def _media_with_subtitles(path: Path) -> Path | None:
    """The video or audio file that a file is taken for the subtitles of, by its name or that of its link's target."""
    from jepa_retrieval.media.sound.subtitle_names import media_with_subtitles

    return media_with_subtitles(path) or media_with_subtitles(link_target(path))


def _other_name(path: Path, media: Path) -> str:
    return f"{media.stem}-seen{path.suffix}"


def _is_of(output: Path, read: Path) -> bool:
    """Whether an output is the file that is read, or the archive that this one lies in."""
    source = shard_of(read) or read
    return not is_remote(source) and exists(source) and _is_one_file(output, source)


def _is_one_file(first: Path, second: Path) -> bool:
    """Whether two paths lead to the same file, which may not exist yet. Pipes and devices are no such files."""
    if exists(first) and exists(second):
        return is_existing_file(first) and first.samefile(second)
    return os.path.realpath(first) == os.path.realpath(second)


def parse_path_text(text: str) -> str:
    """A path argument that stays as it was written, because it may be a pattern or have an interval behind it."""
    if not text or "\0" in text:
        parse_path(text)
    return text
