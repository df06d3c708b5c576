"""Files with sound only: found by what is said in them, and by no vector."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from indexes import ClipRecord, ClipSpeech, Index, MediaRecord
from tests.indexes.conftest import SIZE, Put


def put_audio(writer, path: str, clips: int = 2) -> None:  # type: ignore[no-untyped-def]
    nothing = np.zeros(SIZE, np.float32)
    records = [ClipRecord(30.0 * n, 30.0 * n + 30.0, nothing) for n in range(clips)]
    writer.put(MediaRecord(path, 100, 1, kind="audio", duration=30.0 * clips), records)


def say(writer, index: Index, path: str, text: str) -> None:  # type: ignore[no-untyped-def]
    first, *_ = index.clips_of(path)
    times = np.array([(0, 1.0, 2.0)], np.float32)
    writer.put_speech(path, {first.clip_id: ClipSpeech(text, times, "en", "a.srt")})


@pytest.mark.parametrize("where", [None, "clip_id >= 0", "kind = 'audio'"])
def test_no_search_by_vector_finds_it(index: Index, put: Put, vector: Callable, where: str | None) -> None:
    with index.writer() as writer:
        put_audio(writer, "talk.mp3", 40)
        put(writer, "a.mp4", 3)
    index.refresh()
    query = -vector("a.mp4#0")  # less like the first clip than nothing is
    (hits,) = index.search(query[None], k=50, where=where)
    assert [hit.path for hit in hits] == ([] if where == "kind = 'audio'" else ["a.mp4"] * 3)
    assert index.sample(50).any(axis=1).all()
    assert [clip.kind for clip in index.clips_of("talk.mp3")] == ["audio"] * 40
    stats = index.stats()
    assert (stats.videos, stats.images, stats.audio) == (1, 0, 1)
    assert index.verify() == []


def test_it_is_found_by_what_is_said(index: Index, put: Put) -> None:
    with index.writer() as writer:
        writer.keep_speech()
        put(writer, "a.mp4")
        put_audio(writer, "talk.mp3")
        writer.commit()
        index.refresh()
        say(writer, index, "talk.mp3", "lighthouse")
    index.refresh()
    (hit,) = index.search_speech("lighthouse", k=5, where="kind = 'audio'")
    assert (hit.path, hit.kind, hit.start) == ("talk.mp3", "audio", 0.0)


def test_only_an_index_with_such_files_is_refused_by_older_programs(index: Index, put: Put) -> None:
    def version() -> int:
        return json.loads((index.folder / "manifest.json").read_text())["format_version"]

    with index.writer() as writer:
        put(writer, "a.mp4")
    assert version() == 1
    with index.writer() as writer:
        writer.keep_captions()
        put_audio(writer, "talk.mp3")
    assert version() == 5
    with index.writer() as writer:
        writer.keep_speech()
    assert version() == 5
    assert Index.open(index.folder).manifest.texts == ("captions", "speech")
