"""Bring an index up to date with folders on disk, or build it again beside the old one."""

from __future__ import annotations

import dataclasses
import logging
import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes import Index, IndexWriter, LeftOutFile
from indexes.create import check_new_folder
from indexes.manifest import SPEECH, WRITING
from indexes.mounts import read_mounts, write_mounts
from indexes.records import MediaRecord
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import is_source
from jepa_retrieval.media.reasons import IS_EMPTY
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.speech import DEFAULT_SPEECH_MODEL, Recogniser, check_recogniser, open_recogniser
from jepa_retrieval.models.writing import TextReader, open_text_reader
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.absence import NOT_THERE
from jepa_retrieval.tasks.indexing.captions import caption_clips, require_decoder
from jepa_retrieval.tasks.indexing.clip_texts import OnFile
from jepa_retrieval.tasks.indexing.coverage import files_to_look_at, without_subtitles
from jepa_retrieval.tasks.indexing.failures import FileFailure
from jepa_retrieval.tasks.indexing.options import IndexOptions
from jepa_retrieval.tasks.indexing.passages import add_passages
from jepa_retrieval.tasks.indexing.plan import Plan, make_plan
from jepa_retrieval.tasks.indexing.report import IndexProgress, IndexReport, ProgressCallback
from jepa_retrieval.tasks.indexing.run import IndexingRun
from jepa_retrieval.tasks.indexing.speech import add_speech
from jepa_retrieval.tasks.indexing.writing import add_writing
from jepa_retrieval.user_paths import absolute, exists

logger = logging.getLogger(__name__)


def missing_files(paths: Sequence[Path | str]) -> list[FileFailure]:
    """A failure, with its absolute path, for each path that does not exist."""
    unique = dict.fromkeys(absolute(path) for path in paths)
    return [FileFailure(str(path), NOT_THERE) for path in unique if not exists(path)]


@dataclass(frozen=True, slots=True)
class IndexUpdate:
    """One run over files and folders: what `Library.index` was asked for.

    Args:
        roots: absolute paths; some may not exist.
        options: how files are found and embedded.
        media_root: what stored paths are relative to.
        on_progress: called after every step.
    """

    roots: Sequence[Path]
    options: IndexOptions
    media_root: MediaRoot
    on_progress: ProgressCallback | None = None

    def plan(self, index: Index, *, embed_all: bool = False) -> Plan:
        """What `apply` would do; nothing is changed.

        Raises:
            UsageError: none of the roots exists, nor has the index anything there.
        """
        present = [root for root in self.roots if exists(root)]
        known = index.known_files()
        options = self._options_for(index)
        plan = make_plan(
            options.scan(present),
            known,
            roots=self.roots,
            media_root=self.media_root,
            mounts=read_mounts(index.folder, index.manifest),
            retry_failed=self.options.retry_failed,
            embed_all=embed_all,
            prune=self.options.prune,
            audio=bool(options.audio),
        )
        if SPEECH in self._wanted_texts(index):
            media = {*known, *plan.embed, *plan.moved} - set(plan.gone)
            plan.left_out = without_subtitles(plan.left_out, map(self.media_root.to_path, media))
        plan.missing = self._unknown(set(self.roots) - set(present), known)
        if not present and len(plan.missing) == len(self.roots):
            raise UsageError("; ".join(f"{failure.path}: {failure.error}" for failure in plan.missing))
        return plan

    def apply(self, index: Index, model: Model) -> IndexReport:
        """Embed new and changed files, rename moved ones, remove those that were deleted."""
        captions = index.keeps_captions if self.options.captions is None else self.options.captions
        decoder = require_decoder(model) if captions else None
        recogniser = self._recogniser(index)  # its lack shows before hours of work
        reader = self._text_reader(index)
        self._require_engine()
        with index.writer() as writer:
            # Only the holder of the lock may plan: another run could have indexed these files a moment ago.
            index.refresh()
            plan = self.plan(index)
            if index.manifest.media_root not in (None, str(self.media_root.folder)):
                writer.move_media_root(str(self.media_root.folder))
            write_mounts(index.folder, index.manifest, plan.mounts)
            writer.remove([*plan.gone, *plan.cleared])
            for text, (old, found) in plan.moved.items():
                writer.move(old, text, mtime_ns=found.mtime_ns)
            for text, found in plan.touched.items():
                writer.touch(text, mtime_ns=found.mtime_ns, size=found.size)
            writer.replace_left_out(self._left_out_files(plan), below=self._covered())
            _note_problems(writer, plan, index.known_files(), self.media_root, self.roots)
            report = self._embed(index, model, writer, plan)
            if decoder is not None:
                report.captioned = caption_clips(index, writer, decoder)
            if recogniser is not None:
                self._listen(index, writer, recogniser, plan, report)
            if reader is not None:
                read = add_writing(index, writer, reader, self.media_root, on_file=self._on_file())
                report.read, report.unread = read.files, read.failed
            add_passages(index, writer, model)
        report.moved = len(plan.moved)
        report.removed = len(plan.gone)
        self._tell_found(plan, report)
        return report

    def _check(self, index: Index, *, embed_all: bool) -> None:
        """Refuse what a run would refuse before it plans, as far as that shows without writing and downloading."""
        index.maintenance.check_writer()
        folder = _rebuilding(index)
        if embed_all and not folder.exists():
            check_new_folder(folder)
        if self.options.captions and not embed_all:  # a rebuild may be with another model
            require_decoder(load_model(index.manifest.model))
        if self.options.speech_model is None:
            self._recogniser(index)
        elif SPEECH in self._wanted_texts(index):
            check_recogniser(self.options.speech_model)
        self._text_reader(index)
        self._require_engine()

    def _require_engine(self) -> None:
        if self.options.engine == "ray":
            from jepa_retrieval.tasks.indexing.distributed.cluster import require_ray

            require_ray()

    def dry_run(self, index: Index, *, embed_all: bool) -> IndexReport:
        """What `apply`, or with `embed_all` a rebuild, would find and do; nothing is changed.

        Raises:
            UsageError: it would be refused: none of the roots exists, or a rebuild would lose files.
            IndexFormatError, IndexWriteError: the index is damaged, or its folder cannot be written.
            ModelError: a model that is asked for is unknown, or its packages are not installed.
        """
        self._check(index, embed_all=embed_all)
        if embed_all:
            elsewhere = self._present_elsewhere(index)
            plan = dataclasses.replace(self, roots=[*self.roots, *elsewhere]).plan(index, embed_all=True)
        else:
            plan = self.plan(index)
        report = IndexReport(planned=plan)
        self._tell_found(plan, report)
        for text in self._wanted_texts(index):
            report.to_look_at[text] = files_to_look_at(index, plan, text, self.media_root)
        for path in [path for path, found in plan.embed.items() if found.size == 0]:
            del plan.embed[path]
            report.failed.append(FileFailure(path, IS_EMPTY))
        return report

    def _tell_found(self, plan: Plan, report: IndexReport) -> None:
        """Add to a report what planning found by itself."""
        report.unchanged = plan.unchanged + len(plan.touched)
        report.absent = plan.absent
        report.unselected = len(plan.unselected)
        report.left_out = dict(Counter(item.reason for item in plan.left_out).most_common())
        report.unmatched_patterns = plan.unmatched_patterns
        report.failed_before = plan.failed_before
        report.partial_before = plan.partial_before
        report.failed += plan.missing
        report.failed += [
            FileFailure(_name_of(problem.path, self.media_root), problem.reason) for problem in plan.problems
        ]

    def _embed(self, index: Index, model: Model, writer: IndexWriter, plan: Plan) -> IndexReport:
        options = self._options_for(index)
        if self.options.engine == "ray":
            from jepa_retrieval.tasks.indexing.distributed.run import DistributedRun

            distributed = DistributedRun(index.manifest, writer, options, on_progress=self.on_progress)
            return distributed.embed(plan.embed)
        run = IndexingRun(model, writer, options, prompt=index.manifest.prompt, on_progress=self.on_progress)
        return run.embed(plan.embed)

    def rebuild(self, old: Index, *, model: str | None, prompt: str | None) -> tuple[Index, IndexReport]:
        """Embed everything again into a new index, then put it in the old one's place.

        The old index answers searches until the new one is complete. An interrupted rebuild goes on where it stopped.
        Files of the old index that lie outside the roots and still exist are embedded too.

        Args:
            old: the index to replace.
            model: name of the new index's model; None for the same one.
            prompt: the new index's prompt; None for the same one, or that of another model.

        Raises:
            UsageError: files of the old index are not there to be embedded, and `prune` is not set.
        """
        new_model = load_model(model or old.manifest.model)
        if prompt is None:
            same_model = model in (None, old.manifest.model)
            prompt = old.manifest.prompt if same_model else new_model.prompt
        folder = _rebuilding(old)
        with old.writer():  # nobody may add to an index that is about to be replaced
            elsewhere = self._present_elsewhere(old)
            fresh = _open_or_create(folder, old=old, model=new_model, prompt=prompt)
            captions = old.keeps_captions if self.options.captions is None else self.options.captions
            speech = old.keeps_speech if self.options.speech is None else self.options.speech
            writing = old.keeps_writing if self.options.writing is None else self.options.writing
            everything = dataclasses.replace(
                self,
                roots=[*self.roots, *elsewhere],
                options=dataclasses.replace(self.options, captions=captions, speech=speech, writing=writing),
            )
            report = everything.apply(fresh, new_model)
            replaced = old.folder.with_name(f"{old.folder.name}.replaced-{time.time_ns()}")
            old.folder.rename(replaced)
            folder.rename(old.folder)
        shutil.rmtree(replaced, ignore_errors=True)
        return Index.open(old.folder), report

    def _options_for(self, index: Index) -> IndexOptions:
        """The options with `audio` settled: an index that keeps speech takes files with sound only."""
        if self.options.audio is not None:
            return self.options
        return dataclasses.replace(self.options, audio=bool(self.options.speech) or index.keeps_speech)

    def _wanted_texts(self, index: Index) -> list[str]:
        """Of speech and writing what the run adds."""
        speech = index.keeps_speech if self.options.speech is None else self.options.speech
        writing = index.keeps_writing if self.options.writing is None else self.options.writing
        return [*([SPEECH] if speech else []), *([WRITING] if writing else [])]

    def _recogniser(self, index: Index) -> Recogniser | None:
        wanted = SPEECH in self._wanted_texts(index)
        return open_recogniser(self.options.speech_model or DEFAULT_SPEECH_MODEL) if wanted else None

    def _text_reader(self, index: Index) -> TextReader | None:
        return open_text_reader() if WRITING in self._wanted_texts(index) else None

    def _on_file(self) -> OnFile:
        """Tells `on_progress` which files have been listened to, or read."""
        began = time.monotonic()

        def tell(done: int, total: int, path: str) -> None:
            if self.on_progress is not None:
                elapsed = time.monotonic() - began
                self.on_progress(IndexProgress(done, total, 0.0, 0, 0, path, elapsed))

        return tell

    def _listen(
        self, index: Index, writer: IndexWriter, recogniser: Recogniser, plan: Plan, report: IndexReport
    ) -> None:
        before = {text for text, record in index.known_files().items() if record.state == "partial"}
        replace = self.options.speech_model is not None
        heard = add_speech(
            index, writer, recogniser, self.media_root, replace_other_models=replace, on_file=self._on_file()
        )
        report.spoken = heard.files
        report.unheard = heard.failed
        report.add_partial(heard.partial, plan, before)
        report.warnings += heard.guessed

    def _present_elsewhere(self, old: Index) -> list[Path]:
        """Files of an index that a scan of the roots may not find, and that are there to be embedded again."""
        plan = self.plan(old, embed_all=True)
        deleted = {*plan.gone, *plan.cleared}
        known = [text for text in old.known_files() if text not in deleted]
        damaged = tuple(
            self.media_root.prefix(problem.path) for problem in plan.problems if is_source(problem.path)
        )
        paths = {text: self.media_root.to_path(text) for text in known}
        lost = {
            text: path
            for text, path in paths.items()
            if not exists(path)
            or (text not in plan.embed and f"{self.media_root.full(text)}/".startswith(damaged))
        }
        if lost and not self.options.prune:
            first = next(iter(lost.values()))
            if len(lost) == 1:
                what, it = f"a file of the index, {first}, is not there", "it"
            else:
                what, it = f"{len(lost):,} files of the index are not there, such as {first},", "them"
            raise UsageError(f"{what} and would be lost: bring {it} back, or drop {it} with --prune")
        return [path for text, path in paths.items() if text not in lost]

    def _left_out_files(self, plan: Plan) -> list[LeftOutFile]:
        return [LeftOutFile(self.media_root.text_of_file(item.path), item.reason) for item in plan.left_out]

    def _covered(self) -> list[str]:
        """The roots in stored form; the media root too if a root lies above it."""
        inside = self.media_root.prefix(self.media_root.folder)
        above = any(inside.startswith(self.media_root.prefix(root)) for root in self.roots)
        return [*(self.media_root.to_text(root) for root in self.roots), *(["."] if above else [])]

    def _unknown(self, missing: Collection[Path], known: Iterable[str]) -> list[FileFailure]:
        """A failure for each root that does not exist and that the index has nothing of either."""
        full = [self.media_root.full(text) + "/" for text in known]
        return [
            FileFailure(str(root), NOT_THERE)
            for root in self.roots
            if root in missing and not any(text.startswith(self.media_root.prefix(root)) for text in full)
        ]


def moved_media_root(index: Index, roots: Sequence[Path], media_root: MediaRoot) -> MediaRoot:
    """The media root after its folder was moved as a whole: the root of a run that holds the same files.

    Else, and if the stored media root still holds one of its files, the same one.
    """
    if index.manifest.media_root is None or len(roots) != 1 or not roots[0].is_dir():
        return media_root
    (root,) = roots
    if media_root.to_text(root) == "." or root.is_relative_to(media_root.folder):
        return media_root
    inside = {text: record for text, record in index.known_files().items() if not Path(text).is_absolute()}
    if any(exists(media_root.to_path(text)) for text in inside):
        return media_root
    moved = MediaRoot(root)
    same = sum(_has_size(moved.to_path(text), record.size) for text, record in inside.items())
    return moved if 2 * same > len(inside) else media_root


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _name_of(path: Path, media_root: MediaRoot) -> str:
    """What a message calls a file or folder: its stored path; the root itself has none."""
    text = media_root.to_text(path)
    return url_of(path) if text == "." else text


def _note_problems(
    writer: IndexWriter,
    plan: Plan,
    known: Mapping[str, MediaRecord],
    media_root: MediaRoot,
    roots: Sequence[Path],
) -> None:
    """Store what the scan could not read as failed; a record of an earlier, successful run is kept.

    What is wrong with a list of files is told by every run, but is no state of a media file.
    """
    for problem in plan.problems:
        if problem.path in roots and is_source(problem.path):
            continue
        text = media_root.to_text(problem.path)
        before = known.get(text)
        if before is None or (before.state == "failed" and before.error != problem.reason):
            writer.put(MediaRecord(text, size=0, mtime_ns=0, state="failed", error=problem.reason), [])


def _rebuilding(index: Index) -> Path:
    """Where the index lies that a rebuild makes, until it is complete."""
    return index.folder.with_name(index.folder.name + ".rebuilding")


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
