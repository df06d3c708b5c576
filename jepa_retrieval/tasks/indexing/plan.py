"""What an indexing run has to do: compare the files on disk with what the index knows."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from indexes.records import MediaRecord
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import FoundFile, LeftOut, Scan, ScanProblem, content_hash, content_tag, is_there
from jepa_retrieval.media.reasons import ONLY_SOUND
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.absence import AbsentFolder, sort_lost
from jepa_retrieval.tasks.indexing.failures import FileFailure

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Plan:
    """Files by what has to happen to them; by stored paths."""

    embed: dict[str, FoundFile] = field(default_factory=dict)  # new or changed: decode and embed
    moved: dict[str, tuple[str, FoundFile]] = field(default_factory=dict)  # new path: (old path, file)
    touched: dict[str, FoundFile] = field(default_factory=dict)  # new modification time, same content
    gone: list[str] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)  # failures of folders that can be read now
    absent: list[AbsentFolder] = field(default_factory=list)
    unselected: list[str] = field(
        default_factory=list
    )  # on disk, but not among the files that the options name
    unchanged: int = 0
    partial_before: int = 0  # of these, files that were indexed in part in an earlier run
    failed_before: int = 0  # unchanged files that failed in an earlier run and are not tried again
    problems: list[ScanProblem] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)  # what the scan left out on purpose
    unmatched_patterns: list[str] = field(default_factory=list)  # of the options
    mounts: list[str] = field(default_factory=list)  # mount points that later runs have to know
    missing: list[FileFailure] = field(default_factory=list)  # roots that do not exist and are not known


def make_plan(
    found: Scan,
    known: Mapping[str, MediaRecord],
    *,
    roots: Sequence[Path],
    media_root: MediaRoot,
    mounts: Sequence[str] = (),
    retry_failed: bool = False,
    embed_all: bool = False,
    prune: bool = False,
    audio: bool = False,
) -> Plan:
    """Compare the files found under `roots` with the records of earlier runs.

    A file whose size and modification time are as recorded is unchanged. Else its content hash decides: equal to the
    record at its own path, it was only touched; equal to the record of a file that is no longer there, wherever that
    was, it was moved.

    Args:
        found: a scan of those roots that exist.
        known: the index's records, by stored path.
        roots: files and folders of the run; some may not exist.
        media_root: what stored paths are relative to.
        mounts: stored paths of folders that were mount points in earlier runs.
        retry_failed: embed files again that failed or were read in part, though they have not changed.
        embed_all: embed every file again.
        prune: remove every known file below the roots that the scan did not find.
        audio: files with sound only are taken, also those that failed for it before.
    """
    again_for = (ONLY_SOUND,) if audio else ()

    def may_succeed(record: MediaRecord) -> bool:
        return _try_again(record, retry_failed) or (record.state == "failed" and record.error in again_for)

    plan = Plan(left_out=found.left_out)
    candidates, present = _sort_found(
        plan, found, known, media_root, embed_all=embed_all, may_succeed=may_succeed
    )
    lost = _not_found(plan, known, present, media_root)
    if embed_all:
        plan.embed = candidates
    else:
        again = {text for text in candidates if text in known and may_succeed(known[text])}
        lost = _recognise(plan, candidates, lost, known, again=again, media_root=media_root)
    plan.unmatched_patterns = found.unmatched_patterns
    held = [text for text in present if text in known or text in plan.moved]
    sorted_out = sort_lost(
        lost, roots=roots, problems=plan.problems, left_out=found.left_out, held=held, mounts=mounts,
        media_root=media_root,
    )  # fmt: skip
    plan.gone += sorted_out.gone
    for text in sorted_out.folders:  # a file that was indexed is deleted where there is a folder now
        (plan.gone if known[text].is_indexed else plan.cleared).append(text)
    if prune:
        plan.gone += sorted_out.absent_files + sorted_out.unselected
    else:
        plan.absent, plan.unselected = sorted_out.absent, sorted_out.unselected
    plan.mounts = [media_root.to_text(path) for path in found.mounts]
    left = set(known) - present - {*plan.gone, *plan.cleared} - {old for old, _ in plan.moved.values()}
    plan.mounts += _mounts_of(left, set(mounts) - set(plan.mounts), media_root)
    return plan


def _sort_found(
    plan: Plan,
    found: Scan,
    known: Mapping[str, MediaRecord],
    media_root: MediaRoot,
    *,
    embed_all: bool,
    may_succeed: Callable[[MediaRecord], bool],
) -> tuple[dict[str, FoundFile], set[str]]:
    """Sort what needs no look into the files; return the files that do, and all that are there, by stored path."""
    aliases = _aliases(known, media_root)
    candidates: dict[str, FoundFile] = {}
    present: set[str] = set()
    for item in found:
        if isinstance(item, ScanProblem):
            plan.problems.append(item)
            continue
        text = media_root.text_of_file(item.path)
        if text in present:
            continue  # the same file, by another way
        present.add(text)
        alias = aliases.get(text) if text not in known else None
        record = known.get(text if alias is None else alias)
        if embed_all or record is None or not is_unchanged(item, record) or may_succeed(record):
            candidates[text] = item
        elif alias is not None:
            plan.moved[text] = (alias, item)
        elif record.state == "failed":
            plan.failed_before += 1
        else:
            plan.unchanged += 1
            plan.partial_before += record.state == "partial"
    return candidates, present


def _not_found(
    plan: Plan, known: Mapping[str, MediaRecord], present: set[str], media_root: MediaRoot
) -> list[str]:
    """Known files that the scan did not find. Records of the same file under another name are gone."""
    renamed = {old for old, _ in plan.moved.values()}
    lost = [text for text in known if text not in present and text not in renamed]
    # A record under a name that leads to another record's file is that file once more.
    twice = {text for text in lost if media_root.canonical(text) in present}
    plan.gone = sorted(twice)
    return [text for text in lost if text not in twice]


def _mounts_of(left: Iterable[str], mounts: Iterable[str], media_root: MediaRoot) -> list[str]:
    """Those of the mount points that hold files of which the index keeps the records: they may come back."""
    prefixes = {text: media_root.prefix(media_root.to_path(text)) for text in sorted(mounts)}
    kept = [media_root.full(text) + "/" for text in left] if prefixes else []
    return [text for text, prefix in prefixes.items() if any(full.startswith(prefix) for full in kept)]


def is_unchanged(found: FoundFile, record: MediaRecord) -> bool:
    """Whether a file still has the size and modification time that were recorded when it was indexed.

    Of a file elsewhere size and ETag count; a copy may have another time.
    """
    if found.tag:
        return (found.size, content_tag(found.tag)) == (record.size, record.content_hash)
    return (found.size, found.mtime_ns) == (record.size, record.mtime_ns)


def _try_again(record: MediaRecord, retry_failed: bool) -> bool:
    if record.state == "ok":
        return False
    # A file that could not even be read (permission, vanished) may be readable now, with no trace in its times.
    return retry_failed or not record.content_hash


def _aliases(known: Iterable[str], media_root: MediaRoot) -> dict[str, str]:
    """Known paths that lead through a link, by the path of the file itself."""
    canonical = ((media_root.canonical(text), text) for text in known)
    return {real: text for real, text in canonical if real != text}


def _recognise(
    plan: Plan,
    candidates: Mapping[str, FoundFile],
    lost: Sequence[str],
    known: Mapping[str, MediaRecord],
    *,
    again: set[str],
    media_root: MediaRoot,
) -> list[str]:
    """Split candidates into moved, touched and to be embedded; hash only where sizes make a match possible.

    Those in `again` are embedded even if their content is the same. Returns the files that are still lost.
    """
    sizes = {found.size for found in candidates.values()}
    sources: dict[int, dict[str, str]] = defaultdict(
        dict
    )  # size -> content hash -> path of a file that is lost
    for text in lost:
        before = known[text]
        usable = before.size in sizes and before.is_indexed and before.content_hash
        if usable and not is_there(media_root.to_path(text)):
            sources[before.size][before.content_hash] = text
    for text, found in candidates.items():
        record = None if text in again else known.get(text)
        own = record.content_hash if record and record.is_indexed and record.size == found.size else ""
        others = sources.get(found.size, {})
        digest = _hash(found.path) if own or others else ""
        if digest and digest == own:
            plan.touched[text] = found
        elif digest and digest in others:
            plan.moved[text] = (others.pop(digest), found)
        else:
            plan.embed[text] = found
    moved = {old for old, _ in plan.moved.values()}
    return [text for text in lost if text not in moved]


def _hash(path: Path) -> str:
    try:
        return content_hash(path)
    except UnreadableMediaError as error:
        logger.debug("%s: not hashed: %s", path, error)
        return ""
