"""Ŝ_Y of clips and S_Y of texts, cached: what every task is evaluated on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.datasets.shapes import Clip
from benchmarks.shared.cache import EmbeddingCache, default_cache, key_of
from benchmarks.shared.clips import as_window, frames_per_clip, read_clips
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import probe
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.runtime.dynamics import DynamicsModel
from jepa_retrieval.models.runtime.vjepa2_predictor import PretrainedPredictor
from jepa_retrieval.tasks.encoding.windows import WindowEncoder
from jepa_retrieval.tasks.foreseeing.plan import DEFAULT_SECONDS, tokens_after

FRAMES_PER_BATCH = 64
STATES_PER_BATCH = 16
TEXTS_PER_BATCH = 512
QUERIES_PER_BATCH = 256
GREY = 128  # value of every pixel of the picture that shows nothing

Progress = Callable[[str, int, int], None]  # what is being done, how many are done, of how many


class Embedder:
    """A model with its cache in `folder`. `unreadable` collects files that could not be read, and why."""

    def __init__(
        self, model: Model, *, cache: Path | None = None, on_progress: Progress | None = None
    ) -> None:
        self.model = model
        self.unreadable: dict[str, str] = {}
        self.predictor: PretrainedPredictor | None = None  # in place of the model's dynamics
        self.folder = cache or default_cache()
        self._cache = EmbeddingCache(self.folder, model.fingerprint())
        self.on_progress = on_progress or (lambda activity, done, total: None)

    def close(self) -> None:
        """Close the cache."""
        self._cache.close()

    def clips(
        self, clips: Sequence[Clip], queries: Sequence[str] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Ŝ_Y of each clip for its query.

        Args:
            clips: may name the same clip several times; it is decoded once.
            queries: one for each clip; None for the model's captioning prompt.

        Raises:
            UnreadableMediaError: not one of them can be read.

        Returns:
            Float32 [len(clips), E], zeros where a clip could not be read, and bool [len(clips)], whether it could.
        """
        asked = [self.model.prompt] * len(clips) if queries is None else list(queries)
        keys = [self._key(clip, query) for clip, query in zip(clips, asked, strict=True)]
        known = self._cache.get(list(dict.fromkeys(keys)))
        wanted: dict[Clip, dict[bytes, str]] = {}
        for key, clip, query in zip(keys, clips, asked, strict=True):
            if key not in known:
                wanted.setdefault(clip, {})[key] = query
        known |= self._predict_all(wanted)
        readable = np.array([key in known for key in keys], dtype=bool)
        if len(clips) and not readable.any():
            path, reason = next(iter(self.unreadable.items()))
            raise UnreadableMediaError(path, f"{reason}; none of {len(clips)} clips could be read")
        nothing = np.zeros(self.model.embedding_size, dtype=np.float32)
        return np.array([known.get(key, nothing) for key in keys]), readable

    def _key(self, clip: Clip, query: str) -> bytes:
        try:
            status = clip.path.stat()
            file: tuple[object, ...] = (clip.path.name, status.st_size, status.st_mtime_ns)
        except OSError:
            file = (clip.path,)
        return key_of("clip", *file, clip.start, clip.end, frames_per_clip(self.model), query)

    def _predict_all(self, wanted: dict[Clip, dict[bytes, str]]) -> dict[bytes, np.ndarray]:
        """Decode, encode and predict what is not cached, and cache it batch by batch."""
        if not wanted:
            return {}
        found: dict[bytes, np.ndarray] = {}
        batch: list[tuple[Clip, np.ndarray]] = []
        for done, (clip, frames) in enumerate(read_clips(self.model, wanted), start=1):
            if isinstance(frames, str):
                self.unreadable[str(clip.path)] = frames
            else:
                batch.append((clip, frames))
            if sum(frames.shape[0] * frames.shape[1] for _, frames in batch) >= FRAMES_PER_BATCH:
                found |= self._predict(batch, wanted)
                batch = []
            self.on_progress("clips", done, len(wanted))
        return found | self._predict(batch, wanted)

    def _predict(
        self, batch: list[tuple[Clip, np.ndarray]], wanted: dict[Clip, dict[bytes, str]]
    ) -> dict[bytes, np.ndarray]:
        if not batch:
            return {}
        tokens = WindowEncoder(self.model).encode_tokens([as_window(frames) for _, frames in batch])
        rows = [
            (row, key, query) for row, (clip, _) in enumerate(batch) for key, query in wanted[clip].items()
        ]
        found: dict[bytes, np.ndarray] = {}
        for start in range(0, len(rows), QUERIES_PER_BATCH):
            part = rows[start : start + QUERIES_PER_BATCH]
            places = [row for row, _, _ in part]
            predicted = self.model.predictor.predict(tokens[places], [query for _, _, query in part])
            found |= {key: vector for (_, key, _), vector in zip(part, predicted, strict=True)}
        self._cache.put(found.items())
        return found

    def states(self, pairs: Sequence[tuple[Clip, Clip]]) -> tuple[np.ndarray, np.ndarray]:
        """Ŝ_Y of changes from one state to another: each state's picture is repeated to fill half a clip.

        Args:
            pairs: clips of the first and of the last state; the first frame of one and the last of the other count.

        Returns:
            As `clips` does.
        """
        prompt = self.model.prompt
        keys = [key_of("states", self._key(first, prompt), self._key(last, prompt)) for first, last in pairs]
        known = self._cache.get(keys)
        missing = [(key, pair) for key, pair in zip(keys, pairs, strict=True) if key not in known]
        for start in range(0, len(missing), STATES_PER_BATCH):
            known |= self._predict_states(dict(missing[start : start + STATES_PER_BATCH]))
            self.on_progress("states", min(start + STATES_PER_BATCH, len(missing)), len(missing))
        readable = np.array([key in known for key in keys], dtype=bool)
        nothing = np.zeros(self.model.embedding_size, dtype=np.float32)
        return np.array([known.get(key, nothing) for key in keys]), readable

    def _predict_states(self, pairs: dict[bytes, tuple[Clip, Clip]]) -> dict[bytes, np.ndarray]:
        frames: dict[Clip, np.ndarray] = {}
        for clip, read in read_clips(
            self.model, dict.fromkeys(clip for pair in pairs.values() for clip in pair)
        ):
            if isinstance(read, str):
                self.unreadable[str(clip.path)] = read
            else:
                frames[clip] = read
        half = max(1, frames_per_clip(self.model) // 2)
        windows = {
            key: as_window(_states(frames[first], frames[last], half))
            for key, (first, last) in pairs.items()
            if first in frames and last in frames
        }
        if not windows:
            return {}
        tokens = WindowEncoder(self.model).encode_tokens(list(windows.values()))
        predicted = self.model.predictor.predict(tokens, [self.model.prompt] * len(tokens))
        found = dict(zip(windows, predicted, strict=True))
        self._cache.put(found.items())
        return found

    def foreseen(self, clips: Sequence[Clip], dynamics: DynamicsModel) -> tuple[np.ndarray, np.ndarray]:
        """Ŝ_Y of the state that dynamics foresee after each clip, as far ahead as the clip is long.

        Returns:
            As `clips` does.
        """
        prompt = self.model.prompt
        keys = [key_of("foreseen", dynamics.header.digest, self._key(clip, prompt)) for clip in clips]
        known = self._cache.get(list(dict.fromkeys(keys)))
        missing = {clip: key for clip, key in zip(clips, keys, strict=True) if key not in known}
        for done, (clip, frames) in enumerate(read_clips(self.model, missing), start=1):
            if isinstance(frames, str):
                self.unreadable[str(clip.path)] = frames
                continue
            tokens = WindowEncoder(self.model).encode_tokens([as_window(frames)])[0]
            after = tokens_after(tokens, _seconds(clip), dynamics)
            known[missing[clip]] = self.model.predictor.predict(after[np.newaxis], [prompt])[0]
            self._cache.put([(missing[clip], known[missing[clip]])])
            self.on_progress("foreseen", done, len(missing))
        nothing = np.zeros(self.model.embedding_size, dtype=np.float32)
        readable = np.array([key in known for key in keys], dtype=bool)
        return np.array([known.get(key, nothing) for key in keys]), readable

    def grey(self, queries: Sequence[str]) -> np.ndarray:
        """Ŝ_Y of a picture that shows nothing, for each query, float32 [len(queries), E]."""
        size = self.model.x_encoder.image_size
        picture = np.full((1, 1, size, size, 3), GREY, dtype=np.uint8)
        tokens = WindowEncoder(self.model).encode_tokens([as_window(picture)])

        def predict(part: Sequence[str]) -> np.ndarray:
            return self.model.predictor.predict(np.repeat(tokens, len(part), axis=0), part)

        return self._cached("grey", queries, predict, QUERIES_PER_BATCH)

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """S_Y of each text, float32 [len(texts), E], unit length."""
        return self._cached("texts", texts, self.model.y_encoder.encode, TEXTS_PER_BATCH)

    def _cached(
        self, kind: str, texts: Sequence[str], compute: Callable[[Sequence[str]], np.ndarray], size: int
    ) -> np.ndarray:
        """What `compute` gives for each text, taken from the cache where it is known."""
        keys = {text: key_of(kind, text) for text in texts}
        known = self._cache.get(list(keys.values()))
        missing = [text for text, key in keys.items() if key not in known]
        for start in range(0, len(missing), size):
            part = missing[start : start + size]
            computed = {keys[text]: row for text, row in zip(part, compute(part), strict=True)}
            self._cache.put(computed.items())
            known |= computed
            self.on_progress(kind, start + len(part), len(missing))
        return np.array([known[keys[text]] for text in texts])


def _seconds(clip: Clip) -> float:
    """How long a clip is."""
    end = probe(clip.path).duration if clip.end is None else clip.end
    return DEFAULT_SECONDS if end is None else end - (clip.start or 0.0)


def _states(first: np.ndarray, last: np.ndarray, half: int) -> np.ndarray:
    """The first frame of one clip and the last of another, each `half` times: uint8 [1, 2 * half, S, S, 3]."""
    before, after = first[len(first) // 2, :1], last[len(last) // 2, -1:]
    return np.concatenate([before.repeat(half, axis=0), after.repeat(half, axis=0)])[np.newaxis]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors [..., E] at unit length."""
    scaled: np.ndarray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled
