"""Files and indexes to states: one vector per window, or per stored clip, in order of time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from indexes import Index, arrays
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import decode_windows
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.files import WINDOW_SECONDS, decode_request
from jepa_retrieval.tasks.encoding.windows import WindowEncoder

DEFAULT_RATE = 2.0  # windows per second of an X-Encoder that sees single frames
_BATCH_WINDOWS = 16
_BATCH_CLIPS = 1024

Project = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class FileStates:
    """The states of one video."""

    times: np.ndarray  # float64 [W, 2], start and end of each window, seconds
    states: np.ndarray  # float32 [W, S]
    last_tokens: np.ndarray  # float32 [N, D], S_V of the last window


@dataclass(frozen=True, slots=True, eq=False)
class StoredStates:
    """The states of the clips of one video of an index, in order of time."""

    path: str  # as stored
    clip_ids: np.ndarray  # int64 [C]
    times: np.ndarray  # float64 [C, 2], seconds
    states: np.ndarray  # float32 [C, S], or tokens [C, D] if nothing projects them


def file_states(
    path: Path,
    model: Model,
    project: Project,
    *,
    rate: float = DEFAULT_RATE,
    start: float | None = None,
    end: float | None = None,
    report: ReadReport | None = None,
) -> FileStates:
    """The states of a video, or of an interval of it.

    Args:
        path: the file.
        model: its X-Encoder sees the windows: single frames, or two seconds for one that sees clips.
        project: tokens, float [B, D], to states [B, S].
        rate: windows per second, for an X-Encoder that sees single frames.
        start: where to begin, seconds; None: at the beginning.
        end: where to stop; None: at the end.
        report: gets, in `partial`, what of it could not be read.

    Raises:
        UnreadableMediaError: the file cannot be decoded.
        UsageError: it is a picture, or the rate is not above 0.
    """
    if not 0 < rate <= 60:
        raise UsageError(f"rate must be above 0 and at most 60 windows per second, not {rate:g}")
    request = decode_request(path, model, start=start, end=end, hash_content=False)
    if model.x_encoder.framewise:
        request = replace(request, window=1 / rate, sampling=rate, frames_per_window=1)
    encoder = WindowEncoder(model)
    times: list[tuple[float, float]] = []
    states: list[np.ndarray] = []
    tokens = np.zeros((1, 1, model.x_encoder.token_size), np.float32)
    windows = decode_windows(request, report=report)
    while batch := list(itertools.islice(windows, _BATCH_WINDOWS)):
        if batch[0].start is None or any(window.end is None for window in batch):
            raise UsageError(f"{path}: is a picture; states follow each other in a video")
        tokens = encoder.encode_tokens(batch)
        states.append(project(tokens.mean(axis=1)))
        times += [(window.start or 0.0, window.end or 0.0) for window in batch]
    return FileStates(np.array(times), np.concatenate(states), tokens[-1])


def window_seconds(model: Model, rate: float = DEFAULT_RATE) -> float:
    """How long a window of `file_states` is."""
    return 1 / rate if model.x_encoder.framewise else WINDOW_SECONDS


def stored_states(
    index: Index, project: Project | None = None, *, where: str | None = None
) -> list[StoredStates]:
    """The states of all videos of an index, from the stored tokens alone: no file is opened.

    Args:
        index: whose clips.
        project: tokens, float [B, D], to states [B, S]; None: the tokens themselves, in half precision.
        where: SQL over the clips' columns: only those.

    Raises:
        UsageError: the index keeps no tokens.
        FilterError: `where` is not valid.
    """
    found: dict[str, list[tuple[float, float, int, np.ndarray]]] = {}
    for path, start, end, clip_id, state in _stored(index, project, where):
        found.setdefault(path, []).append((start, end, clip_id, state))
    result = []
    for path in sorted(found):
        rows = sorted(found[path], key=lambda row: row[:3])
        result.append(
            StoredStates(
                path,
                np.array([row[2] for row in rows], np.int64),
                np.array([row[:2] for row in rows], np.float64),
                np.stack([row[3] for row in rows]),
            )
        )
    return result


def _stored(
    index: Index, project: Project | None, where: str | None
) -> Iterator[tuple[str, float, float, int, np.ndarray]]:
    import pyarrow.compute as pc

    columns = ["path", "kind", "start", "end", "clip_id", "tokens", "token_size"]
    for batch in index.iter_clips(where=where, columns=columns, batch_size=_BATCH_CLIPS):
        batch = batch.filter(pc.equal(batch["kind"], "video"))
        if not len(batch):
            continue
        tokens = arrays.tokens(batch)
        if any(one is None for one in tokens):
            raise UsageError(
                f"the index {index.folder} contains no visual tokens (it was made with --no-tokens): states are made "
                "of them; run `jepa index --rebuild --tokens` on its folder"
            )
        means = np.stack([one.mean(axis=0, dtype=np.float32) for one in tokens if one is not None])
        states = means.astype(np.float16) if project is None else project(means)
        places = (batch[name].to_pylist() for name in ("path", "start", "end", "clip_id"))
        yield from zip(*places, states, strict=True)
