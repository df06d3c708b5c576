"""Which files of the Hugging Face hub a model reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jepa_retrieval.models.checkpoints import WEIGHT_FILES, weight_files
from jepa_retrieval.models.config import (
    BertConfig,
    EfficientNetLiteConfig,
    GemmaConfig,
    LlamaPredictorConfig,
    ModelConfig,
    OpenClipImageConfig,
    OpenClipTextConfig,
)
from jepa_retrieval.models.hub import PREFIX, Repository
from jepa_retrieval.models.tokenizer import TOKENIZER_FILE

CONFIG_FILE = "config.json"
# What transformers reads a tokenizer from.
TOKENIZER_FILES = (
    TOKENIZER_FILE,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    CONFIG_FILE,
)


@dataclass(frozen=True)
class Need:
    """Files of one repository that a part of a model reads."""

    repository: Repository
    part: str  # such as "y_encoder.tower"
    files: tuple[str, ...] = ()  # all of them
    any_of: tuple[str, ...] = ()  # the first of these that the repository has
    if_there: tuple[str, ...] = ()  # those of these that the repository has


def needs_of(config: ModelConfig, *, is_trained: bool) -> list[Need]:
    """What a model reads from the hub.

    Args:
        config: of the model.
        is_trained: its own weights are on this machine, so that only frozen parts come from their sources.
    """
    return [*_weight_needs(config, is_trained=is_trained), *_text_needs(config)]


def _weight_needs(config: ModelConfig, *, is_trained: bool) -> Iterator[Need]:
    for part, section in _sections(config):
        source = section.source
        if source is None or (is_trained and not section.frozen):
            continue
        if isinstance(section, OpenClipImageConfig | OpenClipTextConfig):
            if source.startswith("tag:"):
                from jepa_retrieval.models.open_clip import tag_files

                repository, names = tag_files(section.architecture, source.removeprefix("tag:"))
                yield Need(repository, part, any_of=names)
        elif source.startswith(PREFIX):
            yield Need(Repository.parse(source), part, files=(CONFIG_FILE,), any_of=WEIGHT_FILES)


def _sections(config: ModelConfig) -> Iterator[tuple[str, Any]]:
    """The sections of a config that name a source, by the name of their part."""
    x_encoder, predictor = config.x_encoder, config.predictor
    if isinstance(x_encoder, EfficientNetLiteConfig):
        for number, tower in enumerate(x_encoder.towers):
            yield f"x_encoder.towers.{number}", _Section(tower.source, x_encoder.frozen)
    else:
        yield "x_encoder", x_encoder
    if isinstance(predictor, LlamaPredictorConfig):
        yield "predictor", predictor
        yield "predictor.query_tokens", predictor.query_tokens
    yield "y_encoder.tower", config.y_encoder.tower


@dataclass(frozen=True)
class _Section:
    source: str | None
    frozen: bool


def _text_needs(config: ModelConfig) -> Iterator[Need]:
    tower = config.y_encoder.tower
    named = [("y_encoder.tower", tower.tokenizer)] if isinstance(tower, GemmaConfig | BertConfig) else []
    if isinstance(config.predictor, LlamaPredictorConfig):
        named.append(("predictor.query_tokens", config.predictor.query_tokens.tokenizer))
    for part, source in named:
        if source.startswith(PREFIX):
            yield Need(Repository.parse(source), part, files=(TOKENIZER_FILE,))
    if isinstance(tower, OpenClipTextConfig):
        from jepa_retrieval.models.open_clip import text_repositories

        for use, repository in text_repositories(tower.architecture).items():
            if use == "tokenizer":
                yield Need(
                    repository, "tokenizer", files=("tokenizer_config.json",), if_there=TOKENIZER_FILES
                )
            else:
                yield Need(repository, "y_encoder.tower", files=(CONFIG_FILE,))


def is_here(need: Need) -> bool:
    """Whether all files that a need certainly includes are on this machine; the hub is not asked."""
    repository = need.repository
    chosen = next((name for name in need.any_of if repository.find(name)), None)
    if need.any_of and chosen is None:
        return False
    shards: Iterable[str] = ()
    if chosen is not None and chosen.endswith(".index.json"):
        shards = [path.name for path in weight_files(repository.require(chosen).parent)]
    return all(repository.find(name) for name in (*need.files, *shards))
