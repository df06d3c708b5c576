"""WebDataset shards as img2dataset and video2dataset write them."""

from __future__ import annotations

import json
import tarfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.config import SourceConfig
from jepa_retrieval.training.data.examples import Source, SourceBuilder, Visual

MEDIA_ENDINGS = ("jpg", "jpeg", "png", "webp", "gif", "mp4", "webm", "mkv", "avi", "mov")


def read_webdataset(config: SourceConfig) -> Source:
    """Shards named by a pattern such as ``data/{00000..00099}.tar``.

    A sample is the files that share a stem: a medium, and ``txt`` with one caption or ``json`` with ``caption`` (and
    ``clips`` as [[start, end]] in seconds when video2dataset kept them). Samples without both, such as failed
    downloads, are left out.
    """
    import webdataset as wds

    pattern = config.path
    try:
        shards = wds.shardlists.expand_urls(pattern)
        samples = wds.WebDataset(shards, shardshuffle=False, select_files=_is_wanted, empty_check=False)
        builder = SourceBuilder(config.name)
        for sample in samples:
            _add(builder, sample, config.query)
    except (OSError, tarfile.TarError) as error:
        raise UsageError(f"{pattern}: cannot be read as WebDataset shards ({error})") from error
    source = builder.build()
    if not source.examples:
        raise UsageError(f"{pattern}: no sample has both a medium and a caption")
    return source


def _is_wanted(name: str) -> bool:
    # The names of media are needed, their bytes are not; WebDataset reads what this accepts.
    return name.rpartition(".")[2].lower() in (*MEDIA_ENDINGS, "txt", "json")


def _add(builder: SourceBuilder, sample: dict[str, Any], query: str) -> None:
    ending = next((ending for ending in MEDIA_ENDINGS if ending in sample), None)
    details = json.loads(sample["json"]) if "json" in sample else {}
    text = sample["txt"].decode("utf-8", "replace") if "txt" in sample else details.get("caption")
    if ending is None or not text:
        return
    start, end = (details.get("clips") or [[None, None]])[0]
    if not isinstance(start, int | float) or not isinstance(end, int | float):
        start = end = None  # timestamps as texts are of the uncut original: the shard holds the cut clip
    visual = Visual(sample["__url__"], member=f"{sample['__key__']}.{ending}", start=start, end=end)
    builder.add(visual, query, [str(text)])


def read_member(shard: str, member: str) -> bytes:
    """The bytes of one file in a shard."""
    place = _members(shard).get(member)
    if place is None:
        raise UsageError(f"{shard}: holds no file {member}")
    offset, size = place
    with Path(shard).open("rb") as file:  # a file object for each read: several threads read at once
        file.seek(offset)
        return file.read(size)


@lru_cache(maxsize=64)
def _members(shard: str) -> dict[str, tuple[int, int]]:
    """Where each file of a shard begins, and its size in bytes."""
    with tarfile.open(shard) as archive:
        return {info.name: (info.offset_data, info.size) for info in archive if info.isfile()}
