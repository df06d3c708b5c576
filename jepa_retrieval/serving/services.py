"""Everything that the routes use, made once per server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

import platformdirs
from anyio import CapacityLimiter
from fastapi import Depends, Request

from jepa_retrieval.serving.alerts import Alerts
from jepa_retrieval.serving.jobs.manager import Jobs
from jepa_retrieval.serving.media_files import MediaFiles
from jepa_retrieval.serving.metrics import Metrics
from jepa_retrieval.serving.previews.streams import Previews
from jepa_retrieval.serving.queries import QueryReader
from jepa_retrieval.serving.saved import AlertWatcher, SavedSearchStore
from jepa_retrieval.serving.searching import Searcher
from jepa_retrieval.serving.served import ServedIndexes
from jepa_retrieval.serving.settings import ServeSettings
from jepa_retrieval.serving.uploads import UploadedPictures
from jepa_retrieval.serving.watching.streams import WatchedStream, WatchedStreams

MAX_HEAVY = 2


@dataclass(slots=True)
class Services:
    """The parts of a running server."""

    settings: ServeSettings
    indexes: ServedIndexes
    files: MediaFiles
    pictures: UploadedPictures
    queries: QueryReader
    searcher: Searcher
    saved: SavedSearchStore
    alerts: Alerts
    new_files: AlertWatcher
    streams: WatchedStreams
    previews: Previews
    jobs: Jobs
    metrics: Metrics
    heavy: CapacityLimiter  # threads that compute for long
    ready: bool = True

    @classmethod
    def start(cls, settings: ServeSettings) -> Services:
        """Open the indexes and load their models.

        Raises:
            JepaError: an index cannot be served, or a stream cannot be watched.
        """
        streams = [WatchedStream.parse(text) for text in settings.streams]
        indexes = ServedIndexes(settings.indexes)
        files, pictures, metrics = MediaFiles(settings.media_folders), UploadedPictures(), Metrics()
        queries = QueryReader(indexes, files, pictures)
        searcher = Searcher(on_batch=metrics.on_batch)
        saved = SavedSearchStore(settings.data_folder or platformdirs.user_data_path("jepa-retrieval"))
        alerts = Alerts()
        return cls(
            settings=settings,
            indexes=indexes,
            files=files,
            pictures=pictures,
            queries=queries,
            searcher=searcher,
            saved=saved,
            alerts=alerts,
            new_files=AlertWatcher(saved, queries, searcher, files, alerts),
            streams=WatchedStreams(streams, indexes, saved, alerts),
            previews=Previews(settings.previews, metrics.previews),
            jobs=Jobs(),
            metrics=metrics,
            heavy=CapacityLimiter(MAX_HEAVY),
        )

    def hide_paths(self, text: str) -> str:
        """A message in which indexes and media folders are named, not located."""
        for served in self.indexes.served:
            places = {str(served.folder), str(served.commit.media_root.folder)}
            for place in sorted(places, key=len, reverse=True):
                text = text.replace(place, served.name) if len(place) > 1 else text
        return text

    async def close(self) -> None:
        """End what runs."""
        await self.streams.close()
        await self.jobs.close()
        await self.previews.close()
        self.searcher.close()


async def services_of(request: Request) -> Services:
    """The services of the server that answers a request. Not a plain function: FastAPI runs those in a thread."""
    return cast(Services, request.app.state.services)


Using = Annotated[Services, Depends(services_of)]
