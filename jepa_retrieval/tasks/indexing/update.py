"""Bring an index up to date with folders on disk, or build it again beside the old one."""

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
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.captions import caption_clips, require_decoder
from jepa_retrieval.tasks.indexing.options import IndexOptions
from jepa_retrieval.tasks.indexing.plan import Plan, make_plan
from jepa_retrieval.tasks.indexing.report import FileFailure, IndexReport, ProgressCallback
from jepa_retrieval.tasks.indexing.run import IndexingRun

logger = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True)
class IndexUpdate:
    """One run over files and folders: what `Library.index` was asked for."""

    roots: Roots
    options: IndexOptions
    media_root: MediaRoot
    on_progress: ProgressCallback | None = None

    def plan(self, index: Index, *, embed_all: bool = False) -> Plan:
        """What `apply` would do; nothing is changed."""
        return make_plan(
            self.options.scan(self.roots.present),
            index.known_files(),
            roots=self.roots.present,
            media_root=self.media_root,
            retry_failed=self.options.retry_failed,
            embed_all=embed_all,
        )

    def apply(self, index: Index, model: Model) -> IndexReport:
        """Embed new and changed files, rename moved ones, remove those that are gone."""
        captions = index.keeps_captions if self.options.captions is None else self.options.captions
        decoder = require_decoder(model) if captions else None
        with index.writer() as writer:
            # Only the holder of the lock may plan: another run could have indexed these files a moment ago.
            index.refresh()
            plan = self.plan(index)
            for text, (old, found) in plan.moved.items():
                writer.move(old, text, mtime_ns=found.mtime_ns)
            for text, found in plan.touched.items():
                writer.touch(text, mtime_ns=found.mtime_ns, size=found.size)
            if plan.gone:
                writer.remove(plan.gone)
            _note_problems(writer, plan, index.known_files(), self.media_root)
            run = IndexingRun(
                model, writer, self.options, prompt=index.manifest.prompt, on_progress=self.on_progress
            )
            report = run.embed(plan.embed)
            if decoder is not None:
                report.captioned = caption_clips(index, writer, decoder)
        report.unchanged = plan.unchanged + len(plan.touched)
        report.moved = len(plan.moved)
        report.removed = len(plan.gone)
        report.failed_before = plan.failed_before
        report.failed += self.roots.missing
        report.failed += [
            FileFailure(self.media_root.to_text(problem.path), problem.reason) for problem in plan.problems
        ]
        return report

    def rebuild(self, old: Index, *, model: str | None, prompt: str | None) -> tuple[Index, IndexReport]:
        """Embed everything again into a new index, then put it in the old one's place.

        The old index answers searches until the new one is complete. An interrupted rebuild goes on where it stopped.
        Files of the old index that lie outside the roots and still exist are embedded too.

        Args:
            old: the index to replace.
            model: name of the new index's model; None for the same one.
            prompt: the new index's prompt; None for the same one, or that of another model.
        """
        new_model = load_model(model or old.manifest.model)
        if prompt is None:
            same_model = model in (None, old.manifest.model)
            prompt = old.manifest.prompt if same_model else new_model.prompt
        folder = old.folder.with_name(old.folder.name + ".rebuilding")
        with old.writer():  # nobody may add to an index that is about to be replaced
            fresh = _open_or_create(folder, old=old, model=new_model, prompt=prompt)
            known = [self.media_root.to_path(text) for text in old.known_files()]
            present = [*self.roots.present, *(path for path in known if path.exists())]
            captions = old.keeps_captions if self.options.captions is None else self.options.captions
            everything = dataclasses.replace(
                self,
                roots=Roots(present, self.roots.missing),
                options=dataclasses.replace(self.options, captions=captions),
            )
            report = everything.apply(fresh, new_model)
            replaced = old.folder.with_name(f"{old.folder.name}.replaced-{time.time_ns()}")
            old.folder.rename(replaced)
            folder.rename(old.folder)
        shutil.rmtree(replaced, ignore_errors=True)
        return Index.open(old.folder), report


def _note_problems(
    writer: IndexWriter, plan: Plan, known: Mapping[str, MediaRecord], media_root: MediaRoot
) -> None:
    """Store what the scan could not read as failed; a record of an earlier, successful run is kept."""
    for problem in plan.problems:
        text = media_root.to_text(problem.path)
        before = known.get(text)
        if before is None or (before.state == "failed" and before.error != problem.reason):
            writer.put(MediaRecord(text, size=0, mtime_ns=0, state="failed", error=problem.reason), [])


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
