"""The streams that a server watches, and the saved searches that it watches them for."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal

import anyio.to_thread
import numpy as np

from jepa_retrieval.errors import JepaError, UnreadableMediaError, UsageError
from jepa_retrieval.media.reasons import check_regular_file
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.workers.child import module_environment
from jepa_retrieval.serving.alerts import Alerts
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.serving.saved import ALERT_CONFIDENCE, SavedSearchStore
from jepa_retrieval.serving.schemas.saved import SavedSearch, StreamItem
from jepa_retrieval.serving.schemas.search import terms_of
from jepa_retrieval.serving.served import ServedIndexes
from jepa_retrieval.tasks.encoding.reference_texts import ordinary_sentences
from jepa_retrieval.tasks.searching.embed_query import QueryEmbedder
from jepa_retrieval.tasks.searching.query import Query, Term
from jepa_retrieval.tasks.watching.alerts import TargetWatch

logger = logging.getLogger(__name__)

State = Literal["starting", "running", "lost", "ended", "failed"]

_AGAIN_SECONDS = 30.0  # after which a camera or an address that could not be opened is tried again
_LINE_BYTES = 2**20


@dataclass(slots=True, eq=False)
class WatchedStream:
    """One stream, and how it fares."""

    source: StreamSource
    text: str  # as the user gave it
    state: State = "starting"
    detail: str | None = None
    watches: dict[str, TargetWatch | None] = field(
        default_factory=dict
    )  # by saved search; None: it cannot be

    @classmethod
    def parse(cls, text: str) -> WatchedStream:
        """A path, an address or `camera:0`.

        Raises:
            UsageError: the text names none of these, or a file that cannot be read.
        """
        try:
            source = StreamSource.parse(text)
            if source.kind == "file":
                check_regular_file(Path(source.address))
        except UnreadableMediaError as error:
            allowed = "allowed: a video file, an address such as rtsp://camera/stream, camera:0"
            raise UsageError(f"--watch {text}: {error.reason} ({allowed})") from None
        except UsageError as error:
            raise UsageError(f"--watch {error}") from None
        return cls(source, text)

    @property
    def name(self) -> str:
        """What clients call it: without password, parameters and folders."""
        if self.source.kind == "file":
            return PurePath(self.source.address).name
        if self.source.kind == "camera":
            return self.source.name
        scheme, _, rest = self.source.address.partition("://")
        place, *parameters = re.split("[?#]", rest, maxsplit=1)
        # A password may hold any of these characters as they are; then it is not known where it ends.
        return f"{scheme}://{'***' if '@' in ''.join(parameters) else place.rpartition('@')[2]}"

    def item(self) -> StreamItem:
        """As clients see it."""
        return StreamItem(name=self.name, state=self.state, detail=self.detail)


class WatchedStreams:
    """All streams of a server. Each is read by a process; its windows are compared with saved searches here."""

    def __init__(
        self,
        streams: Sequence[WatchedStream],
        indexes: ServedIndexes,
        store: SavedSearchStore,
        alerts: Alerts,
    ) -> None:
        """The model is that of the first index."""
        self.streams = list(streams)
        self._indexes = indexes
        self._store = store
        self._alerts = alerts
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch."""
        self._tasks = [asyncio.create_task(self._watch(stream)) for stream in self.streams]

    async def close(self) -> None:
        """End all processes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, stream: WatchedStream) -> None:
        while True:
            try:
                await self._run(stream)
            except Exception as error:  # of any kind: nobody waits for this task, so it would be lost
                logger.warning("%s cannot be watched: %s", stream.name, error, exc_info=True)
                stream.state, stream.detail = "failed", "an error of the server, which its log describes"
            if stream.state == "starting":
                continue
            if stream.state == "ended" or stream.source.kind == "file":
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _run(self, stream: WatchedStream) -> None:
        """One process, to its end."""
        for watch in filter(None, stream.watches.values()):
            watch.gap()
        commit = self._indexes.commits()[0]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "jepa_retrieval.serving.watching.process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=module_environment(),
            limit=_LINE_BYTES,
        )
        try:
            assert process.stdin is not None and process.stdout is not None
            asked = {
                "source": stream.text,
                "model": commit.model.name,
                "prompt": commit.index.manifest.prompt,
            }
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            await process.stdin.drain()
            async for line in process.stdout:
                if self._indexes.commits()[0].served_model is not commit.served_model:
                    stream.state, stream.detail = "starting", None  # the index was rebuilt with another model
                    stream.watches.clear()
                    return
                await self._take(stream, json.loads(line))
            if stream.state not in ("ended", "failed"):
                stream.state, stream.detail = "failed", "its process ended unexpectedly"
        except (OSError, ValueError) as error:
            logger.warning("%s: %s", stream.name, error)
            stream.state, stream.detail = "failed", "its process does not answer"
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _take(self, stream: WatchedStream, told: dict[str, Any]) -> None:
        if "window" in told:
            stream.state, stream.detail = "running", None
            await self._compare(stream, told["window"])
        elif "lost" in told or "failed" in told:
            before = stream.state, stream.detail
            stream.state = "lost" if "lost" in told else "failed"
            stream.detail = told.get("lost", told.get("failed"))
            if before != (stream.state, stream.detail):  # told once, however often it is tried again
                what = "the connection is lost" if stream.state == "lost" else "cannot be watched"
                logger.warning("--watch %s: %s: %s", stream.name, what, stream.detail)
            for watch in filter(None, stream.watches.values()):
                watch.gap()
        elif "ended" in told:
            stream.state, stream.detail = "ended", None

    async def _compare(self, stream: WatchedStream, window: dict[str, Any]) -> None:
        embedding = np.frombuffer(base64.b64decode(window["embedding"]), "<f4")
        try:
            wanted = {saved.id: saved for saved in self._store.all() if saved.alert and saved.on_streams}
        except ProblemError:  # the file of saved searches; clients are told when they ask for it
            return
        for forgotten in stream.watches.keys() - wanted.keys():
            del stream.watches[forgotten]
        for saved in wanted.values():
            if saved.id not in stream.watches:
                stream.watches[saved.id] = await anyio.to_thread.run_sync(self._new_watch, saved)
            watch = stream.watches[saved.id]
            for _, confidence in [] if watch is None else watch.push(embedding):
                picture = None if window["picture"] is None else base64.b64decode(window["picture"])
                self._alerts.add_sighting(
                    saved, stream.name, window["start"], window["end"], confidence, picture
                )

    def _new_watch(self, saved: SavedSearch) -> TargetWatch | None:
        commit = self._indexes.commits()[0]
        query = Query(tuple(Term(term.text or "", term.weight) for term in terms_of(saved.query)))
        try:
            embedder = QueryEmbedder(commit.index, commit.model, commit.media_root)
            target = embedder.embed(query).vector
        except JepaError as error:
            logger.warning("the saved search %r: %s", saved.name, error)
            return None
        return TargetWatch(
            target[np.newaxis],
            commit.served_model.encode_reference(ordinary_sentences()),
            temperature=commit.model.temperature,
            confidence=saved.min_confidence or ALERT_CONFIDENCE,
        )
