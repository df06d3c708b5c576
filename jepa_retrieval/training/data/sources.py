"""Every data format by its name, and the step from a config to examples."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from jepa_retrieval.text_files import iterate_lines
from jepa_retrieval.training.config import SourceConfig
from jepa_retrieval.training.data.caption_questions import questions_from_captions
from jepa_retrieval.training.data.captions import read_captions, read_jsonl
from jepa_retrieval.training.data.classes import read_classes
from jepa_retrieval.training.data.examples import Source, StreamedShards, select
from jepa_retrieval.training.data.questions import read_daquar, read_vqa
from jepa_retrieval.training.data.ready_tokens import read_ready_tokens
from jepa_retrieval.training.data.shards import expand, read_webdataset

logger = logging.getLogger(__name__)


def _read_captions_any(config: SourceConfig) -> Source:
    return read_jsonl(config) if config.path.endswith(".jsonl") else read_captions(config)


_READERS: dict[str, Callable[[SourceConfig], Source]] = {
    "captions": read_captions,
    "jsonl": read_jsonl,
    "webdataset": read_webdataset,
    "classes": read_classes,
    "tokens": read_ready_tokens,
    "vqa": read_vqa,
    "daquar": read_daquar,
    "caption-questions": _read_captions_any,
}


def read_source(config: SourceConfig) -> Source:
    """The selected examples of one source; UsageError names the file at fault."""
    names = _read_names(config.names) if config.names else None
    if config.stream:
        stream = StreamedShards(
            tuple(expand(config.path)),
            query=config.query,
            buffer=config.shuffle_buffer,
            names=None if names is None else frozenset(names),
            hold_out=config.hold_out,
            part=config.part,
        )
        logger.info("source %s: a stream of %d shards", config.name, len(stream.shards))
        return Source(config.name, (), (), stream=stream)
    source = select(
        _READERS[config.format](config),
        names=names,
        hold_out=config.hold_out,
        part=config.part,
        limit=config.limit,
    )
    if config.format == "caption-questions":
        # After the selection: captions of held-out media must not shape the questions.
        source = questions_from_captions(source)
    logger.info(
        "source %s: %d examples on %d visuals", source.name, len(source.examples), len(source.visuals)
    )
    return source


def _read_names(path: str) -> set[str]:
    """File names and stems, one a line; a line may hold a folder before the name."""
    names = {Path(line.strip()).name for _, line in iterate_lines(Path(path)) if line.strip()}
    return names | {Path(name).stem for name in names}
