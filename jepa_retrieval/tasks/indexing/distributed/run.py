"""A distributed run: workers embed shards of files, and this process alone stores them, each shard in one commit.

Nothing has to be remembered of a run that died. The next one asks the index which files are there, as every run does,
so whatever was stored is not done again, and whatever was not is.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping

from indexes import FileRows, IndexStoreError, IndexWriter, Manifest
from indexes.rows import file_rows
from jepa_retrieval.media import FoundFile, is_there
from jepa_retrieval.tasks.indexing.distributed.cluster import Shares, connected, share_out
from jepa_retrieval.tasks.indexing.distributed.pool import Done, Lost, WorkerPool
from jepa_retrieval.tasks.indexing.distributed.shards import Shard, make_shards
from jepa_retrieval.tasks.indexing.distributed.worker import ShardResult, WorkerSettings
from jepa_retrieval.tasks.indexing.failures import FileFailure
from jepa_retrieval.tasks.indexing.options import IndexOptions
from jepa_retrieval.tasks.indexing.report import IndexProgress, IndexReport, ProgressCallback, WorkerProgress
from jepa_retrieval.tasks.indexing.run import failed_record

logger = logging.getLogger(__name__)

MAX_DEATHS_IN_A_ROW = 20  # after so many, shards are no longer divided: the cluster is to blame, not a file


class DistributedRun:
    """One pass over the files of a plan by workers of a Ray cluster; does what `IndexingRun` does.

    Args:
        manifest: of the index.
        writer: of the index.
        options: of the run.
        on_progress: called about twice a second.
    """

    def __init__(
        self,
        manifest: Manifest,
        writer: IndexWriter,
        options: IndexOptions,
        *,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        self._manifest = manifest
        self._writer = writer
        self._options = options
        self._on_progress = on_progress
        self._report = IndexReport()
        self._waiting: deque[Shard] = deque()
        self._deaths_in_a_row = 0
        self._files_total = self._files_done = self._clips = 0
        self._media_seconds = 0.0
        self._began = time.monotonic()

    def embed(self, files: Mapping[str, FoundFile]) -> IndexReport:
        """Embed and store every file; a file that fails is stored with the reason and the run goes on.

        Raises:
            UsageError: Ray is not installed.
            ClusterError: there is no cluster, it is lost, or no worker can be started; what is stored is good.
            IndexWriteError: a commit failed.
        """
        if not files:
            return self._report
        self._files_total = len(files)
        with connected(self._options.address, workers=self._options.workers) as ray:
            there = ray.cluster_resources()
            shares = share_out(
                cpus=there.get("CPU", 1), gpus=there.get("GPU", 0), workers=self._options.workers
            )
            shard_files = self._options.shard_files
            self._waiting.extend(make_shards(files, shard_files=shard_files, workers=shares.workers))
            most = min(shares.workers, len(self._waiting))
            pool = WorkerPool(ray, self._settings(shares), Shares(most, shares.cpus, shares.gpus))
            try:
                self._work(pool)
            finally:
                pool.close()
        return self._report

    def _settings(self, shares: Shares) -> WorkerSettings:
        return WorkerSettings(
            model=self._manifest.model,
            prompt=self._manifest.prompt,
            fingerprint=self._manifest.fingerprint,
            embedding_size=self._manifest.embedding_size,
            texts=self._manifest.texts,
            options=self._options,
            decoders=shares.cpus,
        )

    def _work(self, pool: WorkerPool) -> None:
        while self._waiting or any(worker.shard for worker in pool.workers):
            for worker in pool.idle():
                if self._waiting:
                    pool.assign(worker, self._waiting.popleft())
            self._tell(pool)
            for outcome in pool.wait():
                match outcome:
                    case Done(shard, result):
                        self._store(shard, result)
                    case Lost():
                        self._try_again(outcome)
        self._tell(pool)

    def _store(self, shard: Shard, result: ShardResult) -> None:
        """Make a finished shard part of the index, whole."""
        self._deaths_in_a_row = 0
        self._writer.put_together(result.rows)
        report, done = self._report, result.report
        report.indexed += done.indexed
        report.partial += done.partial
        report.warnings += done.warnings
        report.failed += done.failed
        report.fetched += done.fetched
        report.fetched_of += done.fetched_of
        self._files_done += len(shard.files)
        if result.progress is not None:
            self._media_seconds += result.progress.media_seconds
            self._clips += result.progress.clips

    def _try_again(self, lost: Lost) -> None:
        """Give a lost shard to another worker; after too many deaths, divide it to find the file that causes them."""
        shard = lost.shard
        shard.deaths += 1
        self._deaths_in_a_row += 1
        logger.info("shard %d is lost with worker %s: %s", shard.number, lost.worker, lost.reason)
        if shard.deaths <= self._options.max_retries:
            self._waiting.append(shard)
        elif len(shard.files) > 1 and self._deaths_in_a_row < MAX_DEATHS_IN_A_ROW:
            self._waiting.extend(shard.halves())
        else:
            self._give_up(shard, lost.reason)

    def _give_up(self, shard: Shard, reason: str) -> None:
        """Store the files of a shard that always kills its worker as failed."""
        with_it = "it" if len(shard.files) == 1 else f"it and {len(shard.files) - 1:,} others"
        sentence = f"each of {shard.deaths} workers that indexed {with_it} ended: {reason}"
        rows: list[FileRows] = []
        for text, found in shard.files.items():
            self._report.failed.append(FileFailure(text, sentence))
            if not is_there(found.path):
                continue  # it vanished, perhaps with its disk: what the index has of it is as good as before
            try:
                record = failed_record(text, found, sentence)
                size, texts = self._manifest.embedding_size, self._manifest.texts
                rows.append(file_rows(record, [], embedding_size=size, texts=texts))
            except IndexStoreError as error:  # the report names it all the same
                logger.info("%s: the failure is not stored: %s", text, error)
        self._writer.put_together(rows)
        self._files_done += len(shard.files)

    def _tell(self, pool: WorkerPool) -> None:
        if self._on_progress is None:
            return
        workers = tuple(
            WorkerProgress(
                host=worker.host,
                pid=worker.pid,
                files_done=worker.progress.files_done if worker.progress else 0,
                files_total=len(worker.shard.files),
                current=worker.progress.current if worker.progress else next(iter(worker.shard.files)),
            )
            for worker in pool.workers
            if worker.shard is not None
        )
        steps = [worker.progress for worker in pool.workers if worker.shard and worker.progress]
        self._on_progress(
            IndexProgress(
                files_done=self._files_done + sum(step.files_done for step in steps),
                files_total=self._files_total,
                media_seconds=self._media_seconds + sum(step.media_seconds for step in steps),
                clips=self._clips + sum(step.clips for step in steps),
                failed=len(self._report.failed) + sum(step.failed for step in steps),
                current=workers[-1].current if workers else "",
                elapsed=time.monotonic() - self._began,
                workers=workers,
            )
        )
