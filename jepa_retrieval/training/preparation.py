"""Everything that a run needs before its first step: examples, tokens and texts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.config import QUESTION_FORMATS, PhaseConfig, TrainConfig
from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.evaluate import Evaluation
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.progress import OnProgress, TrainProgress, seconds_left
from jepa_retrieval.training.token_cache import (
    OnlineTokens,
    SharedTokens,
    StreamTokens,
    TokenBank,
    VisionSpec,
    open_tokens,
    unreadable_rows,
)

logger = logging.getLogger(__name__)

# Visuals per source from which the channels' mean and deviation are taken.
STATISTICS_ROWS = 4096
ONLINE_STATISTICS_ROWS = 256  # where each must be decoded and encoded for it


@dataclass(frozen=True)
class PreparedPhase:
    """A phase with the tokens of its sources; None for sources that take no part."""

    config: PhaseConfig
    banks: tuple[TokenBank | None, ...]

    @property
    def active(self) -> list[int]:
        """Rows of the sources that take part."""
        return [row for row, bank in enumerate(self.banks) if bank is not None]


@dataclass(frozen=True)
class Prepared:
    """Examples and tokens of a run."""

    sources: tuple[Source, ...]
    phases: tuple[PreparedPhase, ...]
    evaluations: tuple[Evaluation, ...]
    mean: torch.Tensor  # float32 [D], of the channels of S_V
    std: torch.Tensor


@dataclass(frozen=True)
class Examples:
    """What a run trains on and is measured on, as read from disk."""

    sources: tuple[Source, ...]
    evaluations: tuple[Source, ...]


def read_examples(config: TrainConfig) -> Examples:
    """Read every source; this needs no model, so that a wrong path is reported at once."""
    return Examples(
        tuple(read_source(source) for source in config.sources),
        tuple(read_source(evaluation) for evaluation in config.evaluate),
    )


def prepare(config: TrainConfig, examples: Examples, learner: Learner, on_progress: OnProgress) -> Prepared:
    """Compute the outputs of the frozen encoders for the examples, or find them on disk."""
    spec = learner.vision
    sources = list(examples.sources)
    banks: dict[tuple[int, int], TokenBank] = {}
    # The largest first: several sources may be about the same visuals, whose tokens are made once.
    largest_first = sorted(range(len(sources)), key=lambda row: -len(sources[row].visuals))
    for phase in config.phases:
        for row in largest_first:
            source, key = sources[row], (row, phase.frames)
            if (not phase.sources or source.name in phase.sources) and key not in banks:
                shared = _shared_tokens(source, sources, banks, phase.frames)
                banks[key] = shared or _tokens(source, spec, config, phase.frames, on_progress)
    sources = _without_unreadable(sources, banks)
    evaluations = _evaluations(config, examples.evaluations, sources, spec, on_progress)
    lists = [(source.name, _texts_of(source)) for source in sources]
    lists += [(evaluation.source.name, _texts_of(evaluation.source)) for evaluation in evaluations]
    for name, texts in lists:
        _report(
            "texts",
            name,
            partial(learner.cache_texts, texts, folder=Path(config.tokens.folder)),
            on_progress,
        )
    mean, std = _statistics(config, learner, list(banks.values()), spec)
    phases = tuple(
        PreparedPhase(
            phase,
            tuple(
                banks[row, phase.frames] if not phase.sources or source.name in phase.sources else None
                for row, source in enumerate(sources)
            ),
        )
        for phase in config.phases
    )
    return Prepared(tuple(sources), phases, evaluations, mean, std)


def _statistics(
    config: TrainConfig, learner: Learner, banks: list[TokenBank], spec: VisionSpec
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel of S_V; 0 and 1 if the model does not use them."""
    if learner.standardises or config.tokens.noise:
        if any(isinstance(bank, StreamTokens) for bank in banks):
            logger.warning("the mean and deviation of visual tokens are measured without the streams")
        return channel_statistics(banks, spec)
    return torch.zeros(spec.token_size), torch.ones(spec.token_size)


def _shared_tokens(
    source: Source, sources: list[Source], banks: dict[tuple[int, int], TokenBank], frames: int
) -> TokenBank | None:
    """Tokens that another source with all of this source's visuals already has."""
    for (row, of_frames), bank in banks.items():
        if source.stream is not None or sources[row].stream is not None:
            continue
        known = {visual: place for place, visual in enumerate(sources[row].visuals)}
        if of_frames == frames and all(visual in known for visual in source.visuals):
            return SharedTokens(bank, np.array([known[visual] for visual in source.visuals]))
    return None


def _tokens(
    source: Source, spec: VisionSpec, config: TrainConfig, frames: int, on_progress: OnProgress
) -> TokenBank:
    bank, build = open_tokens(source, spec, config.tokens, frames=frames)
    _report("tokens", source.name, build, on_progress)
    return bank


def _report(
    activity: Literal["tokens", "texts"],
    name: str,
    work: Callable[[], Iterator[tuple[int, int]]],
    on_progress: OnProgress,
) -> None:
    begin, first = time.monotonic(), None
    for done, total in work():
        first = done if first is None else first
        left = seconds_left(time.monotonic() - begin, done - first, total - first)
        on_progress(TrainProgress(activity, name, done, total, seconds_left=left))


def _without_unreadable(sources: list[Source], banks: dict[tuple[int, int], TokenBank]) -> list[Source]:
    result = []
    for row, source in enumerate(sources):
        bad = {int(bad) for (of, _), bank in banks.items() if of == row for bad in unreadable_rows(bank)}
        examples = tuple(example for example in source.examples if example.visual not in bad)
        if bad:
            logger.warning("source %s: %d media cannot be read and are left out", source.name, len(bad))
        if not examples and source.stream is None:
            raise UsageError(f"source {source.name!r}: none of its media can be read")
        result.append(replace(source, examples=examples))
    return result


def _evaluations(
    config: TrainConfig,
    held_out: tuple[Source, ...],
    sources: list[Source],
    spec: VisionSpec,
    on_progress: OnProgress,
) -> tuple[Evaluation, ...]:
    plain = replace(config, tokens=replace(config.tokens, flip=False, augmented=0))
    frames = max(phase.frames for phase in config.phases)
    result = []
    for part, all_of_it in zip(config.evaluate, held_out, strict=True):
        bank = _tokens(all_of_it, spec, plain, frames, on_progress)
        source = _without_unreadable([all_of_it], {(0, frames): bank})[0]
        candidates: tuple[str, ...] = ()
        if part.task == "answers":
            candidates = _candidates(part.name, part.candidates, config, sources)
        result.append(Evaluation(part, source, bank, candidates))
    return tuple(result)


def _candidates(name: str, of: str, config: TrainConfig, sources: list[Source]) -> tuple[str, ...]:
    asking = [
        source
        for source, settings in zip(sources, config.sources, strict=True)
        if source.name == of or (not of and settings.format in QUESTION_FORMATS)
    ]
    answers = dict.fromkeys(
        text for source in asking for example in source.examples for text in example.targets
    )
    if not answers:
        raise UsageError(f"evaluate {name!r}: no training source asks questions; name one as candidates")
    return tuple(answers)


def _texts_of(source: Source) -> list[str]:
    return list(dict.fromkeys(text for example in source.examples for text in example.targets))


def channel_statistics(banks: list[TokenBank], spec: VisionSpec) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel of S_V, float32 [D], over evenly spaced visuals of each source."""
    total, squares, count = torch.zeros(spec.token_size).double(), torch.zeros(spec.token_size).double(), 0
    for bank in banks:
        if not bank.rows:
            continue  # a stream
        max_rows = ONLINE_STATISTICS_ROWS if isinstance(bank, OnlineTokens) else STATISTICS_ROWS
        rows = np.unique(np.linspace(0, bank.rows - 1, min(bank.rows, max_rows)).astype(int))
        for start in range(0, len(rows), 64):
            some = rows[start : start + 64]
            tokens = bank.get(some, np.zeros_like(some)).double().flatten(0, 1)
            tokens = tokens[~tokens.isnan().any(dim=1)]
            total, squares, count = (
                total + tokens.sum(0),
                squares + tokens.square().sum(0),
                count + len(tokens),
            )
    if not count:
        return torch.zeros(spec.token_size), torch.ones(spec.token_size)
    mean = total / count
    return mean.float(), (squares / count - mean.square()).clamp(min=1e-12).sqrt().float()
