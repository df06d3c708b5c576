"""Captions: a file that lists them, a folder with a text file beside each medium, or a JSONL manifest."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.config import SourceConfig
from jepa_retrieval.training.data.examples import MediaFolder, Source, SourceBuilder, Visual

_MEDIA_KEYS = ("media", "image", "video", "file_name", "path")
_TEXT_KEYS = ("captions", "caption", "text", "answer")
_QUERY_KEYS = ("query", "question")


def read_captions(config: SourceConfig) -> Source:
    """Captions from a list (``name#0<TAB>caption`` or CSV ``image,caption``) or from ``STEM.txt`` files in a folder.

    All captions of a medium become one example with several targets. Media that the folder does not hold are left
    out; when none is found that is an error.
    """
    path = Path(config.path)
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder of captions")
    folder = MediaFolder(Path(config.media) if config.media else (path if path.is_dir() else path.parent))
    captions: dict[str, list[str]] = {}
    for name, caption in _sidecars(path) if path.is_dir() else caption_list(path):
        captions.setdefault(name, []).append(caption)
    builder = SourceBuilder(config.name)
    for name, texts in captions.items():
        found = folder.find(name)
        if found is not None:
            builder.add(Visual(str(found)), config.query, texts)
    return _not_empty(builder.build(), path)


def caption_list(path: Path) -> Iterator[tuple[str, str]]:
    """Names of media and a caption each: from ``name#0<TAB>caption`` lines, or CSV ``image,caption``."""
    with path.open(encoding="utf-8", newline="") as file:
        first = file.readline()
        file.seek(0)
        if "\t" in first:
            for line in file:
                name, tab, caption = line.rstrip("\r\n").partition("\t")
                if tab:
                    yield name.rpartition("#")[0] or name, caption
        else:
            rows = csv.reader(file)
            for row in rows:
                # Kaggle's copies of Flickr8k and Flickr30k start with this header.
                if len(row) >= 2 and row[:2] != ["image", "caption"]:
                    yield row[0], ",".join(row[1:])


def _sidecars(folder: Path) -> Iterator[tuple[str, str]]:
    """Each ``STEM.txt`` holds captions, one a line, of the medium with the same stem in the same folder."""
    for text in sorted(folder.rglob("*.txt")):
        media = [other for other in sorted(text.parent.glob(f"{_glob_escape(text.stem)}.*")) if other != text]
        for line in text.read_text(encoding="utf-8").splitlines():
            if media:
                yield str(media[0].relative_to(folder)), line


def _glob_escape(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


def read_jsonl(config: SourceConfig) -> Source:
    """One JSON object a line.

    A line names its medium (``media``, ``image``, ``video``, ``file_name`` or ``path``), its texts (``captions``
    or ``caption``, ``text``, ``answer``: a text or a list), and may give ``query`` or ``question``, ``start`` and
    ``end`` in seconds.
    """
    path = Path(config.path)
    folder = MediaFolder(Path(config.media) if config.media else path.parent)
    builder = SourceBuilder(config.name)
    for number, row in enumerate(read_json_lines(path), start=1):
        media, texts = _first(row, _MEDIA_KEYS), _first(row, _TEXT_KEYS)
        if not isinstance(media, str) or not isinstance(texts, str | list):
            raise UsageError(
                f"{path}:{number}: needs one of {', '.join(_MEDIA_KEYS)} and one of {', '.join(_TEXT_KEYS)}"
            )
        found = folder.find(media)
        if found is not None:
            visual = Visual(str(found), start=row.get("start"), end=row.get("end"))
            query = _first(row, _QUERY_KEYS)
            targets = [texts] if isinstance(texts, str) else [str(text) for text in texts]
            builder.add(visual, config.query if query is None else str(query), targets)
    return _not_empty(builder.build(), path)


def read_json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """The objects of a JSONL file; UsageError names the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UsageError(f"{path}:{number}: not valid JSON ({error.msg})") from error
        if not isinstance(row, dict):
            raise UsageError(f"{path}:{number}: must be an object")
        yield row


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((row[key] for key in keys if key in row), None)


def _not_empty(source: Source, path: Path) -> Source:
    if not source.examples:
        raise UsageError(f"{path}: none of the media that it names was found")
    return source
