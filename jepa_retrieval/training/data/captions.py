"""Captions: a file that lists them, a folder with a text file beside each medium, or a JSONL manifest."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping
from glob import escape
from pathlib import Path
from typing import Any

from jepa_retrieval.errors import UsageError
from jepa_retrieval.settings import shown
from jepa_retrieval.text_files import iterate_lines, parse_json
from jepa_retrieval.training.config import SourceConfig
from jepa_retrieval.training.data.examples import MediaFolder, Source, SourceBuilder, Visual
from jepa_retrieval.training.data.numbers import seconds
from jepa_retrieval.training.data.shards import expand

_MEDIA_KEYS = ("media", "image", "video", "file_name", "path")
_TEXT_KEYS = ("captions", "caption", "text", "answer")
_QUERY_KEYS = ("query", "question")


def read_captions(config: SourceConfig) -> Source:
    """Captions from lists (see `caption_list`) or from ``STEM.txt`` files in a folder.

    All captions of a medium become one example with several targets. Media that the folder does not hold are left
    out; when none of a list is found that is an error. Braces in the path stand for several lists or folders, whose
    media are beside them if the config names no folder of media.
    """
    builder = SourceBuilder(config.name)
    for path in map(Path, expand(config.path)):
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder of captions")
        folder = MediaFolder(Path(config.media) if config.media else (path if path.is_dir() else path.parent))
        captions: dict[str, list[str]] = {}
        for name, caption in _sidecars(path) if path.is_dir() else caption_list(path):
            captions.setdefault(name, []).append(caption)
        found = [(folder.find(name), texts) for name, texts in captions.items()]
        if not any(medium for medium, _ in found):
            raise _none_found(path)
        for medium, texts in found:
            if medium is not None:
                builder.add(Visual(str(medium)), config.query, texts)
    return builder.build()


def caption_list(path: Path) -> Iterator[tuple[str, str]]:
    """Names of media and a caption each.

    The lines are ``name#0<TAB>caption``, or CSV ``image,caption``, or a table with tabs whose first line names its
    columns: `file`, `texts` (captions with `` | `` between them), others that are not read.

    Raises:
        UsageError: the file cannot be read, or is none of these.
    """
    numbered = iterate_lines(path)
    _, first = next(numbered, (1, ""))
    columns = first.split("\t")
    if {"file", "texts"} <= set(columns):
        yield from _table(path, columns, numbered)
        return
    lines = (line for _, line in numbered)
    every = itertools.chain([first], lines)
    if "\t" in first:
        for line in every:
            name, tab, caption = line.partition("\t")
            if tab:
                yield name.rpartition("#")[0] or name, caption
        return
    try:
        for row in csv.reader(every):
            # Kaggle's copies of Flickr8k and Flickr30k start with this header.
            if len(row) >= 2 and row[:2] != ["image", "caption"]:
                yield row[0], ",".join(row[1:])
    except csv.Error as error:
        raise UsageError(f"{path}: not a readable CSV file ({error})") from error


def _table(path: Path, columns: list[str], lines: Iterator[tuple[int, str]]) -> Iterator[tuple[str, str]]:
    file, texts = columns.index("file"), columns.index("texts")
    for number, line in lines:
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) <= max(file, texts):
            raise UsageError(f"{path}:{number}: needs the columns file and texts, with a tab between columns")
        for caption in cells[texts].split(" | "):
            yield cells[file], caption


def _sidecars(folder: Path) -> Iterator[tuple[str, str]]:
    """Each ``STEM.txt`` holds captions, one a line, of the medium with the same stem in the same folder."""
    for text in sorted(folder.rglob("*.txt")):
        media = [other for other in sorted(text.parent.glob(f"{escape(text.stem)}.*")) if other != text]
        if media:
            for _, line in iterate_lines(text):
                yield str(media[0].relative_to(folder)), line


def read_jsonl(config: SourceConfig) -> Source:
    """One JSON object a line.

    A line names its medium (``media``, ``image``, ``video``, ``file_name`` or ``path``), its texts (``captions``
    or ``caption``, ``text``, ``answer``: a text or a list), and may give ``query`` or ``question``, ``start`` and
    ``end`` in seconds.
    """
    path = Path(config.path)
    folder = MediaFolder(Path(config.media) if config.media else path.parent)
    builder = SourceBuilder(config.name)
    for number, row in read_json_lines(path):
        media, texts = _first(row, _MEDIA_KEYS), _first(row, _TEXT_KEYS)
        if not isinstance(media, str) or not isinstance(texts, str | list):
            raise UsageError(
                f"{path}:{number}: needs one of {', '.join(_MEDIA_KEYS)} and one of {', '.join(_TEXT_KEYS)}"
            )
        start, end = _times(row, where=f"{path}:{number}")
        found = folder.find(media)
        if found is not None:
            visual = Visual(str(found), start=start, end=end)
            query = _first(row, _QUERY_KEYS)
            targets = [texts] if isinstance(texts, str) else [str(text) for text in texts]
            builder.add(visual, config.query if query is None else str(query), targets)
    return _not_empty(builder.build(), path)


def _times(row: Mapping[str, Any], *, where: str) -> tuple[float | None, float | None]:
    """Start and end in seconds; None where the line does not give them."""
    times = []
    for key in ("start", "end"):
        given = row.get(key)
        time = None if given is None else seconds(given)
        if given is not None and time is None:
            raise UsageError(f"{where}: {key} must be seconds of at least 0, not {shown(given)}")
        times.append(time)
    start, end = times
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"{where}: end ({end:g} s) must be later than start ({start or 0.0:g} s)")
    return start, end


def read_json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a JSONL file with their line's number; UsageError names the line that is none."""
    for number, line in iterate_lines(path):
        if not line.strip():
            continue
        row = parse_json(line, where=f"{path}:{number}")
        if not isinstance(row, dict):
            raise UsageError(f"{path}:{number}: must be an object")
        yield number, row


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((row[key] for key in keys if key in row), None)


def _not_empty(source: Source, path: Path) -> Source:
    if not source.examples:
        raise _none_found(path)
    return source


def _none_found(path: Path) -> UsageError:
    return UsageError(f"{path}: none of the media that it names was found")
