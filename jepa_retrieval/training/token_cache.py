"""Visual tokens S_V of the frozen X-Encoder, computed once and kept on disk."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.frame_fit import Fit
from jepa_retrieval.training.config import TokensConfig
from jepa_retrieval.training.data.examples import Source, Visual
from jepa_retrieval.training.data.shard_stream import ShardStream
from jepa_retrieval.training.data.shards import ShardSample, version_of
from jepa_retrieval.training.data.visuals import augment, frames_of_bytes, load_frames
from jepa_retrieval.training.row_cache import RowCache, fingerprint_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

STILL_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"}


def _encode_elsewhere(frames: np.ndarray) -> np.ndarray:
    raise RuntimeError("the X-Encoder is in the process that trains")


@dataclass(frozen=True)
class VisionSpec:
    """The X-Encoder and settings on which tokens depend."""

    encode: Callable[[np.ndarray], np.ndarray]  # uint8 [B, T, S, S, 3] to float [B, N, D]
    fingerprint: str  # of the X-Encoder's config and weights
    image_size: int
    fit: Fit  # how pictures become square
    token_size: int  # D
    tokens_per_frame: int
    framewise: bool

    def __reduce__(self) -> tuple[object, ...]:
        """Without the X-Encoder: processes that decode for a loader are given a copy, and may be started anew."""
        values = (getattr(self, item.name) for item in fields(self) if item.name != "encode")
        return VisionSpec, (_encode_elsewhere, *values)

    def tokens(self, frames: Tensor) -> Tensor:
        """Uint8 [B, T, S, S, 3] to S_V float16 [B, N, D], as a cache holds it."""
        return torch.from_numpy(self.encode(frames.numpy()).astype(np.float16))


class TokenBank:
    """S_V of one source at a given number of frames."""

    views: int
    rows: int

    def get(self, rows: np.ndarray, views: np.ndarray) -> Tensor:
        """Float [B, N, D] for rows int [B] of the source's visuals in the given views int [B]."""
        raise NotImplementedError


class StoredTokens(TokenBank):
    """Tokens in a (memory-mapped) array [visuals, views, N, D]; repeated `repeat` times along N."""

    def __init__(self, data: np.ndarray, *, repeat: int = 1) -> None:
        self._data = data
        self._repeat = repeat
        self.rows, self.views = data.shape[:2]

    def get(self, rows: np.ndarray, views: np.ndarray) -> Tensor:
        """Copied out of the array."""
        tokens = torch.from_numpy(self._data[rows, views])
        return tokens.repeat(1, self._repeat, 1) if self._repeat > 1 else tokens


class SharedTokens(TokenBank):
    """Some rows of another source's tokens, for a source that is about the same visuals."""

    def __init__(self, bank: TokenBank, places: np.ndarray) -> None:
        """`places` int [rows]: the row of `bank` that each visual of this source has there."""
        self._bank, self._places = bank, places
        self.rows, self.views = len(places), bank.views

    def get(self, rows: np.ndarray, views: np.ndarray) -> Tensor:
        """As the other source gives them."""
        return self._bank.get(self._places[rows], views)


class OnlineTokens(TokenBank):
    """Tokens computed when they are asked for: for sets too large to keep, at the full cost of the X-Encoder."""

    def __init__(self, source: Source, spec: VisionSpec, config: TokensConfig, *, frames: int) -> None:
        self._views = ViewMaker(source.visuals, spec, config, frames=frames)
        self._spec = spec
        self._at_once = config.batch_size
        self.rows, self.views = len(source.visuals), self._views.count

    def get(self, rows: np.ndarray, views: np.ndarray) -> Tensor:
        """Decoded and encoded now; raises UnreadableMediaError for a medium that cannot be read."""
        starts = range(0, len(rows), self._at_once)
        parts = [slice(start, start + self._at_once) for start in starts]
        return torch.cat([self._spec.tokens(self.frames(rows[part], views[part])) for part in parts])

    def frames(self, rows: np.ndarray, views: np.ndarray) -> Tensor:
        """Decoded now, uint8 [B, T, S, S, 3]; raises UnreadableMediaError for a medium that cannot be read."""
        return torch.from_numpy(np.stack(self._views.map(self._views.one, rows.tolist(), views.tolist())))


class StreamTokens(TokenBank):
    """Frames of a source that is read as a stream."""

    def __init__(self, source: Source, spec: VisionSpec, config: TokensConfig, *, frames: int) -> None:
        assert source.stream is not None
        self.shards = source.stream
        self._maker = ViewMaker((), spec, config, frames=frames)
        self.rows, self.views = 0, self._maker.count

    def take(self, stream: ShardStream, views: Sequence[int]) -> tuple[Tensor, list[str]]:
        """The next samples that can be read, in the given views: frames uint8 [B, T, S, S, 3] and their texts."""
        frames: list[np.ndarray] = []
        texts: list[str] = []
        while len(frames) < len(views):
            wanted = views[len(frames) :]
            samples = [stream.take() for _ in wanted]
            for sample, found in zip(
                samples, self._maker.map(self._maker.of_sample, samples, wanted), strict=True
            ):
                if found is not None:
                    frames.append(found)
                    texts.append(sample.text)
        return torch.from_numpy(np.stack(frames)), texts


class ViewMaker:
    """Frames of a visual in one of its views: 0 whole, then the mirrored one if wanted, then random ones."""

    def __init__(
        self, visuals: Sequence[Visual], spec: VisionSpec, config: TokensConfig, *, frames: int
    ) -> None:
        self._visuals = visuals
        self._spec = spec
        self._flip = config.flip
        self._frames = frames
        self.count = 1 + config.flip + config.augmented
        self._workers = config.workers

    def __getstate__(self) -> dict[str, object]:
        """For a process of a data loader, where there are no threads."""
        return {name: value for name, value in self.__dict__.items() if name != "_threads"}

    def map(self, function: Callable[..., T], *arguments: Sequence[Any]) -> list[T]:
        """In threads; one after the other in a process of a data loader, of which there are several already."""
        if get_worker_info() is not None:
            return list(map(function, *arguments))
        return list(self._threads.map(function, *arguments))

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._workers)

    def one(self, row: int, view: int) -> np.ndarray:
        """Uint8 [T, S, S, 3]."""
        return self._view(self._load(row), row, view)

    def every(self, row: int) -> np.ndarray | None:
        """Uint8 [views, T, S, S, 3], or None if the medium cannot be read."""
        try:
            frames = self._load(row)
        except UnreadableMediaError as error:
            logger.warning("left out: %s", error)
            return None
        return np.stack([self._view(frames, row, view) for view in range(self.count)])

    def of_sample(self, sample: ShardSample, view: int) -> np.ndarray | None:
        """Uint8 [T, S, S, 3] of a medium in memory, or None if it cannot be read."""
        size, visual = self._spec.image_size, sample.visual
        try:
            frames = frames_of_bytes(
                sample.data, visual, image_size=size, frames=self._frames, fit=self._spec.fit
            )
        except UnreadableMediaError as error:
            logger.warning("left out: %s: %s", visual.path, error)
            return None
        return self._in_view(frames, visual.name, view)

    def _load(self, row: int) -> np.ndarray:
        return load_frames(
            self._visuals[row], image_size=self._spec.image_size, frames=self._frames, fit=self._spec.fit
        )

    def _view(self, frames: np.ndarray, row: int, view: int) -> np.ndarray:
        return self._in_view(frames, self._visuals[row].name, view)

    def _in_view(self, frames: np.ndarray, name: str, view: int) -> np.ndarray:
        if view == 0:
            return frames
        if view == 1 and self._flip:
            return frames[:, :, ::-1]
        seed = [view, zlib.crc32(name.encode(errors="surrogatepass"))]
        return augment(frames, np.random.default_rng(seed))


def open_tokens(
    source: Source, spec: VisionSpec, config: TokensConfig, *, frames: int
) -> tuple[TokenBank, Callable[[], Iterator[tuple[int, int]]]]:
    """The tokens of a source, and a function that computes those that are missing.

    That function yields (done, total) as it goes; it must be exhausted before the tokens are read. A visual
    that cannot be read has tokens that are not a number (`unreadable_rows` finds them).
    """
    wanted = frames * spec.tokens_per_frame
    if source.ready_tokens is not None:
        data = np.load(source.ready_tokens, mmap_mode="r")
        return StoredTokens(data, repeat=_repeats(data.shape[2], wanted, spec)), lambda: iter(())
    if source.stream is not None:
        return StreamTokens(source, spec, config, frames=frames), lambda: iter(())
    if config.mode == "online":
        return OnlineTokens(source, spec, config, frames=frames), lambda: iter(())
    still = all(
        Path(visual.member or visual.path).suffix.lower() in STILL_ENDINGS for visual in source.visuals
    )
    # Frame by frame, a repeated picture gives repeated tokens: one copy is enough.
    cached_frames = 1 if still and spec.framewise else frames
    maker = ViewMaker(source.visuals, spec, config, frames=cached_frames)
    shape = _token_shape(spec, cached_frames)
    cache = RowCache(
        Path(config.folder),
        _fingerprint(source, spec, config, cached_frames),
        rows=len(source.visuals),
        row_shape=(maker.count, *shape),
    )

    def compute(rows: list[int]) -> np.ndarray:
        views = maker.map(maker.every, rows)
        result = np.full((len(rows), *cache.data.shape[1:]), np.nan, dtype=np.float16)
        good = [place for place, view in enumerate(views) if view is not None]
        for view in range(maker.count):
            stack = [found[view] for found in views if found is not None]
            if stack:
                result[good, view] = spec.encode(np.stack(stack)).astype(np.float16)
        return result

    def build() -> Iterator[tuple[int, int]]:
        for done in cache.build(compute, batch_size=config.batch_size):
            yield done, len(source.visuals)

    return StoredTokens(cache.data, repeat=_repeats(shape[0], wanted, spec)), build


def unreadable_rows(bank: TokenBank) -> np.ndarray:
    """Rows of the visuals that could not be read, int64."""
    if isinstance(bank, SharedTokens):
        return np.flatnonzero(np.isin(bank._places, unreadable_rows(bank._bank)))
    if not isinstance(bank, StoredTokens):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.isnan(bank._data[:, 0, 0, 0]))


def _token_shape(spec: VisionSpec, frames: int) -> tuple[int, ...]:
    if spec.framewise:
        return frames * spec.tokens_per_frame, spec.token_size
    # The number of tokens of a clip is found by encoding a black one.
    black = np.zeros((1, frames, spec.image_size, spec.image_size, 3), np.uint8)
    return spec.encode(black).shape[1:]


def _repeats(stored: int, wanted: int, spec: VisionSpec) -> int:
    return wanted // stored if spec.framewise and wanted % stored == 0 else 1


def _fingerprint(source: Source, spec: VisionSpec, config: TokensConfig, frames: int) -> str:
    """Changes with the encoder, the views and every file: its path, size and time of change."""

    def of_visual(visual: Visual) -> str:
        return f"{visual.path}|{visual.member}|{visual.start}|{visual.end}|{version_of(visual.path)}"

    settings = f"{spec.fingerprint}|{spec.image_size}|{frames}|{config.flip}|{config.augmented}"
    return fingerprint_of([settings, *(of_visual(visual) for visual in source.visuals)])
