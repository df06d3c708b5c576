"""Anticipate: what a video will show in a few seconds, and how sure that is.

The predicted change of the state is added to the tokens of the last window; from there on, what was foreseen is
treated as what was seen: the Predictor makes Ŝ_Y of it, which is compared with labels and decoded. The clips of an
index that resemble it are put in order by the dynamics' ranking: a state that is right on average lies between the
windows that may come, so that the nearest to it is mostly one already seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from indexes import Index
from indexes.records import MediaKind
from jepa_retrieval.arguments import as_count
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.models.cuts import firsts_of_shots
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.runtime.dynamics import DynamicsModel
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.tasks.asking.candidates import Candidate, CandidateSet, Scored, parse_candidates
from jepa_retrieval.tasks.foreseeing.coming_clips import coming_clips
from jepa_retrieval.tasks.foreseeing.states import (
    DEFAULT_RATE,
    FileStates,
    file_states,
    window_seconds,
)
from jepa_retrieval.user_paths import user_path

DEFAULT_HORIZONS = (1.0, 2.0, 4.0, 10.0)
MAX_HORIZON = 3600.0  # seconds
_MAX_AFTER_END = 1.0  # seconds; a header may state a little less than there is


@dataclass(frozen=True, slots=True)
class ForeseenMoment:
    """A moment of an index that may come."""

    path: str
    kind: MediaKind
    start: float | None  # seconds; None for images
    end: float | None
    score: float  # cosine of its embedding and the foreseen one, -1 to 1


@dataclass(frozen=True, slots=True)
class Horizon:
    """What was foreseen for one time."""

    seconds: float  # after the last window that was seen
    labels: tuple[Scored, ...]  # nearest first; empty if none were given
    moments: tuple[ForeseenMoment, ...]  # likeliest first; empty without an index
    text: str | None  # a sentence; None if the model has no Y-Decoder
    # 1 - the expected distance from what comes / the distance of unrelated windows, 0 to 1: 0 is no better than a
    # window of another video.
    confidence: float
    change: float  # cosine of the foreseen Ŝ_Y and that of the last window: 1 is "nothing changes"


@dataclass(frozen=True, slots=True)
class Anticipation:
    """What a video leads one to expect."""

    path: str
    model: str
    at: float  # end of the last window that was seen, seconds
    horizons: tuple[Horizon, ...]
    partial: str | None = None  # what of the file could not be read; None if nothing is missing
    warnings: tuple[str, ...] = ()  # harmless problems of the file, one sentence each


def anticipate(
    path: Path | str,
    model: Model,
    dynamics: DynamicsModel,
    *,
    at: float | None = None,
    horizons: Sequence[float] = DEFAULT_HORIZONS,
    labels: Sequence[str | Candidate] = (),
    index: Index | None = None,
    top: int = 3,
    rate: float = DEFAULT_RATE,
) -> Anticipation:
    """Predict what a video shows some time after `at`, from the windows before it alone.

    Args:
        path: the video.
        model: makes states and embeddings.
        dynamics: predicts states.
        at: seconds; None: the end of the video.
        horizons: seconds ahead.
        labels: candidates to compare with.
        index: where to look for moments like what was foreseen; its embeddings must be the model's.
        top: labels and moments for each horizon.
        rate: windows per second.

    Raises:
        UnreadableMediaError: the file cannot be decoded, or has no frame before `at`.
        UsageError: an argument is out of range, `at` lies after the end, or the file is a picture.
    """
    as_count("top", top)
    ahead = _checked(horizons)
    if at is not None and not 0 < at < float("inf"):
        raise UsageError(f"at must be a time after 0 s, so that something comes before it, not {at:g}")
    candidates = CandidateSet(parse_candidates(labels, what="labels"), model) if labels else None
    seen, report = _before(user_path(path), model, dynamics, at, rate)
    tokens, sure = _foreseen_tokens(seen, dynamics, ahead)
    prompt = model.prompt if index is None else index.manifest.prompt
    embeddings = model.predictor.predict(np.stack([seen.last_tokens, *tokens]), [prompt] * (len(tokens) + 1))
    sentences = None if model.y_decoder is None else model.y_decoder.decode(embeddings[1:])
    scores = None if candidates is None else candidates.scores(embeddings[1:])
    found = []
    for number, (seconds, embedding) in enumerate(zip(ahead, embeddings[1:], strict=True)):
        scored: list[Scored] = []
        if candidates is not None and scores is not None:
            scored = candidates.ranked(scores[number], temperature=model.temperature, top=top)
        found.append(
            Horizon(
                seconds,
                tuple(scored),
                _moments(index, seen, dynamics, embeddings[[0, number + 1]], seconds, top),
                None if sentences is None else sentences[number].text,
                sure[number],
                float(embedding @ embeddings[0]),
            )
        )
    end = round(float(seen.times[-1, 1]), 6)
    partial = "; ".join(dict.fromkeys(report.partial)) or None
    return Anticipation(url_of(path), model.name, end, tuple(found), partial, tuple(report.warnings))


def _checked(horizons: Sequence[float]) -> list[float]:
    ahead = [float(seconds) for seconds in horizons]
    if not ahead or not all(0 < seconds <= MAX_HORIZON for seconds in ahead):
        raise UsageError(f"horizons must be seconds above 0 and at most {MAX_HORIZON:g}, at least one")
    return ahead


def _before(
    path: Path, model: Model, dynamics: DynamicsModel, at: float | None, rate: float
) -> tuple[FileStates, ReadReport]:
    """The last states before `at`, as many of the same shot as a prediction sees, and what is wrong with the file."""
    from jepa_retrieval.media.extent import read_extent
    from jepa_retrieval.media.workers.calls import call_in_worker

    extent = call_in_worker(read_extent, path)
    if at is not None and extent.duration is not None and at > extent.duration + _MAX_AFTER_END:
        missing = "" if extent.partial is None else f" and {extent.partial}"
        raise UsageError(f"{path}: {at:g} s lies after its end: it has {extent.duration:.2f} s{missing}")
    end = extent.duration if at is None else at if extent.duration is None else min(at, extent.duration)
    length = dynamics.context * window_seconds(model, rate)
    start = None if end is None else max(0.0, end - length)
    report = ReadReport(
        partial=[] if at is not None or extent.partial is None else [extent.partial],
        warnings=[] if at is not None else list(extent.warnings),
    )
    seen = file_states(
        path, model, dynamics.projection.states, rate=rate, start=start, end=end, report=report
    )
    report.warnings = report.warnings[:1]  # reading the last states finds the same damage again
    first = int(firsts_of_shots(seen.states, unrelated=dynamics.calibration.unrelated)[-1])
    return replace(seen, times=seen.times[first:], states=seen.states[first:]), report


def _foreseen_tokens(
    seen: FileStates, dynamics: DynamicsModel, ahead: Sequence[float]
) -> tuple[list[np.ndarray], list[float]]:
    """S_V for each horizon, float32 [N, D], and how sure each is, 0 to 1."""
    middles = seen.times.mean(axis=1)
    tokens, sure = [], []
    for seconds in ahead:
        state, expected = dynamics.ahead(seen.states, middles, seconds)
        changed = dynamics.projection.token_changes(state - seen.states[-1])
        tokens.append(seen.last_tokens + changed)
        sure.append(float(np.clip(1 - expected / dynamics.calibration.unrelated, 0.0, 1.0)))
    return tokens, sure


def _moments(
    index: Index | None,
    seen: FileStates,
    dynamics: DynamicsModel,
    embeddings: np.ndarray,
    seconds: float,
    top: int,
) -> tuple[ForeseenMoment, ...]:
    if index is None:
        return ()
    clips = coming_clips(index, seen.states, dynamics, embeddings, seconds, top=top)
    return tuple(ForeseenMoment(one.path, one.kind, one.start, one.end, one.score) for one in clips)
