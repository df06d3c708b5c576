"""Bring an index up to date with folders on disk, or make it anew beside the old one."""

from __future__ import annotations

import dataclasses
import logging
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes import Index, IndexWriter
from indexes.records import MediaRecord
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import Sampling, scan
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.captions import caption_clips, require_decoder
from jepa_retrieval.tasks.indexing.plan import Plan, make_plan
from jepa_retrieval.tasks.indexing.run import FileFailure, IndexingRun, IndexReport, ProgressCallback

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How files are found and embedded; see `Library.index` for what each means."""

    sampling: Sampling = "auto"
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False
    follow_links: bool = False
    keep_tokens: bool = True
    retry_failed: bool = False
    workers: int | None = None
    captions: bool | None = None  # None: as the index has it


@dataclass(frozen=True, slots=True)
class Roots:
    """The files and folders of one run: those that exist, and a failure for each that does not."""

    present: list[Path]
    missing: list[FileFailure]

    @classmethod
    def of(cls, paths: Sequence[Path | str]) -> Roots:
        """Sort paths by whether they exist. Raises UsageError if none does."""
        absolute = [Path(os.path.abspath(path)) for path in paths]
        missing = missing_files(absolute)
        if len(missing) == len(absolute):
            raise UsageError("; ".join(f"{failure.path}: {failure.error}" for failure in missing))
        gone = {failure.path for failure in missing}
        return cls([path for path in absolute if str(path) not in gone], missing)


def missing_files(paths: Sequence[Path | str]) -> list[FileFailure]:
    """A failure, with its absolute path, for each path that does not exist."""
    absolute = dict.fromkeys(os.path.abspath(path) for path in paths)
    # Unlike this one, Path.exists raises for a name that is too long.
    return [FileFailure(p, "no such file or folder") for p in absolute if not os.path.exists(p)]  # noqa: PTH110


def plan_update(
    index: Index, roots: Roots, options: IndexOptions, *, media_root: MediaRoot, embed_all: bool = False
) -> Plan:
    """Find out what `update_index` would do; touches nothing."""
    found = scan(
        roots.present,
        include=options.include,
        exclude=options.exclude,
        hidden=options.hidden,
        follow_links=options.follow_links,
    )
    return make_plan(
        found,
        index.known_files(),
        roots=roots.present,
        media_root=media_root,
        retry_failed=options.retry_failed,
        embed_all=embed_all,
    )


def update_index(
    index: Index,
    roots: Roots,
    options: IndexOptions,
    *,
    model: Model,
    media_root: MediaRoot,
    on_progress: ProgressCallback | None = None,
) -> IndexReport:
    """Embed new and changed files, rename moved ones, remove those that are gone; see `Library.index`."""
    captions = index.keeps_captions if options.captions is None else options.captions
    decoder = require_decoder(model) if captions else None
    with index.writer() as writer:
        # Only the holder of the lock may plan: another run could have indexed these files a moment ago.
        index.refresh()
        plan = plan_update(index, roots, options, media_root=media_root)
        for text, (old, found) in plan.moved.items():
            writer.move(old, text, mtime_ns=found.mtime_ns)
        for text, found in plan.touched.items():
            writer.touch(text, mtime_ns=found.mtime_ns, size=found.size)
        if plan.gone:
            writer.remove(plan.gone)
        _note_problems(writer, plan, index.known_files(), media_root)
        run = IndexingRun(
            model,
            writer,
            prompt=index.manifest.prompt,
            sampling=options.sampling,
            keep_tokens=options.keep_tokens,
            workers=options.workers,
            on_progress=on_progress,
        )
        report = run.embed(plan.embed)
        if decoder is not None:
            report.captioned = caption_clips(index, writer, decoder)
    report.unchanged = plan.unchanged + len(plan.touched)
    report.moved = len(plan.moved)
    report.removed = len(plan.gone)
    report.failed_before = plan.failed_before
    report.failed += roots.missing
    report.failed += [
        FileFailure(media_root.to_text(problem.path), problem.reason) for problem in plan.problems
    ]
    return report


def _note_problems(
    writer: IndexWriter, plan: Plan, known: Mapping[str, MediaRecord], media_root: MediaRoot
) -> None:
    """Store what the scan could not look at as failed; what is known of such a path from better days stays."""
    for problem in plan.problems:
        text = media_root.to_text(problem.path)
        before = known.get(text)
        if before is None or (before.state == "failed" and before.error != problem.reason):
            writer.put(MediaRecord(text, size=0, mtime_ns=0, state="failed", error=problem.reason), [])


def rebuild_index(
    old: Index,
    roots: Roots,
    options: IndexOptions,
    *,
    model: Model,
    prompt: str,
    media_root: MediaRoot,
    on_progress: ProgressCallback | None = None,
) -> tuple[Index, IndexReport]:
    """Embed everything again into a new index, then put it in the old one's place.

    The old index answers searches until the new one is complete. An interrupted rebuild goes on where it stopped.
    Files of the old index that lie outside `roots` and still exist are taken along.
    """
    folder = old.folder.with_name(old.folder.name + ".rebuilding")
    with old.writer():  # nobody may add to an index that is about to be replaced
        fresh = _open_or_create(folder, old=old, model=model, prompt=prompt)
        if options.captions is None:
            options = dataclasses.replace(options, captions=old.keeps_captions)
        known = [media_root.to_path(text) for text in old.known_files()]
        everything = Roots([*roots.present, *(path for path in known if path.exists())], roots.missing)
        report = update_index(
            fresh, everything, options, model=model, media_root=media_root, on_progress=on_progress
        )
        replaced = old.folder.with_name(f"{old.folder.name}.replaced-{time.time_ns()}")
        old.folder.rename(replaced)
        folder.rename(old.folder)
    shutil.rmtree(replaced, ignore_errors=True)
    return Index.open(old.folder), report


def _open_or_create(folder: Path, *, old: Index, model: Model, prompt: str) -> Index:
    fingerprint = model.fingerprint(prompt)
    if folder.exists():
        unfinished = Index.open(folder)
        if unfinished.manifest.fingerprint == fingerprint:
            return unfinished
        shutil.rmtree(folder)
    fresh = Index.create(
        folder,
        model=model.name,
        prompt=prompt,
        fingerprint=fingerprint,
        embedding_size=model.embedding_size,
        media_root=Path(old.manifest.media_root) if old.manifest.media_root else None,
    )
    fresh.maintenance.copy_search_settings(old.folder)
    return fresh
