"""Indexes of synthetic clips, of any size, for measurements that do not depend on what the clips show."""

from __future__ import annotations

import numpy as np

from indexes.records import ClipRecord, MediaRecord
from jepa_retrieval.library import Library

CLIPS_PER_FILE = 20
CLIP_SECONDS = 4.0


def fill_index(
    library: Library, *, clips: int, seed: int = 0, tokens: bool = False, thumbnail: bytes | None = None
) -> None:
    """Store `clips` clips around a few hundred centroids in the model's space, 20 to a file; all have one thumbnail.

    With `tokens` each gets a frame's visual tokens of the model's size, which have nothing to do with its embedding.
    """
    random = np.random.default_rng(seed)
    size = library.model.embedding_size
    encoder = library.model.x_encoder if tokens else None
    centres = random.standard_normal((300, size)).astype(np.float32)
    with library.records.writer() as writer:
        for file in range(-(-clips // CLIPS_PER_FILE)):
            count = min(CLIPS_PER_FILE, clips - file * CLIPS_PER_FILE)
            spread = random.standard_normal((count, size)).astype(np.float32)
            vectors = centres[random.integers(len(centres), size=count)] + 0.7 * spread
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            shape = (count, encoder.tokens_per_frame, encoder.token_size) if encoder else (count, 0, 0)
            made = random.standard_normal(shape).astype(np.float16)
            writer.put(
                _media(file, count),
                [
                    _clip(number, vector, made[number] if encoder else None, thumbnail)
                    for number, vector in enumerate(vectors)
                ],
            )
    library.records.refresh()
    library.calibrate()


def _media(file: int, clips: int) -> MediaRecord:
    return MediaRecord(
        path=f"folder {file // 100:03}/video {file:06}.mp4",
        size=1_000_000 + file,
        mtime_ns=1_700_000_000_000_000_000 + file,
        content_hash=f"{file:032x}",
        duration=clips * CLIP_SECONDS,
        width=1280,
        height=720,
        frame_rate=30.0,
        codec="h264",
        sampling="auto",
    )


def _clip(number: int, vector: np.ndarray, tokens: np.ndarray | None, thumbnail: bytes | None) -> ClipRecord:
    start = number * CLIP_SECONDS
    times = np.array([[start, start + 2.0], [start + 2.0, start + 4.0]], np.float32)
    return ClipRecord(
        start=start,
        end=start + CLIP_SECONDS,
        embedding=vector,
        window_times=times,
        window_embeddings=np.stack([vector, vector]).astype(np.float16),
        tokens=tokens,
        thumbnail=thumbnail,
    )
