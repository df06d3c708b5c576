"""What an indexing run has to do: compare the files on disk with what the index knows."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexes.records import MediaRecord
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import FoundFile, ScanProblem, content_hash
from jepa_retrieval.tasks.encoding.media_root import MediaRoot

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Plan:
    """Files by what has to happen to them; stored path forms throughout."""

    embed: dict[str, FoundFile] = field(default_factory=dict)  # new or changed: decode and embed
    moved: dict[str, tuple[str, FoundFile]] = field(default_factory=dict)  # new path: (old path, file)
    touched: dict[str, FoundFile] = field(default_factory=dict)  # new modification time, same content
    gone: list[str] = field(default_factory=list)
    unchanged: int = 0
    failed_before: int = 0  # unchanged files that failed in an earlier run and are not tried again
    problems: list[ScanProblem] = field(default_factory=list)


def make_plan(
    found: Iterable[FoundFile | ScanProblem],
    known: Mapping[str, MediaRecord],
    *,
    roots: Iterable[Path],
    media_root: MediaRoot,
    retry_failed: bool = False,
    embed_all: bool = False,
) -> Plan:
    """Compare the files found under `roots` with the records of earlier runs.

    A file whose size and modification time are as recorded is unchanged. Else its content hash decides: equal to the
    record at its own path, it was only touched; equal to the record of a file that is gone, it was moved.
    """
    plan = Plan()
    candidates: dict[str, FoundFile] = {}
    present: set[str] = set()
    for item in found:
        if isinstance(item, ScanProblem):
            plan.problems.append(item)
            continue
        text = media_root.to_text(item.path)
        present.add(text)
        record = known.get(text)
        if embed_all or record is None or not is_unchanged(item, record) or _try_again(record, retry_failed):
            candidates[text] = item
        elif record.state == "failed":
            plan.failed_before += 1
        else:
            plan.unchanged += 1
    plan.gone = _gone(known, present, roots=roots, problems=plan.problems, media_root=media_root)
    if embed_all:
        plan.embed = candidates
    else:
        _recognise(plan, candidates, known)
    return plan


def is_unchanged(found: FoundFile, record: MediaRecord) -> bool:
    """Whether a file still has the size and modification time that were recorded when it was indexed."""
    return (found.size, found.mtime_ns) == (record.size, record.mtime_ns)


def _try_again(record: MediaRecord, retry_failed: bool) -> bool:
    # A file that could not even be read (permission, vanished) may be readable now, with no trace in its times.
    return record.state == "failed" and (retry_failed or not record.content_hash)


def _gone(
    known: Mapping[str, MediaRecord],
    present: set[str],
    *,
    roots: Iterable[Path],
    problems: Iterable[ScanProblem],
    media_root: MediaRoot,
) -> list[str]:
    scanned = tuple(_prefix(media_root.to_text(root)) for root in roots)
    unreadable = tuple(_prefix(media_root.to_text(problem.path)) for problem in problems)

    def is_gone(text: str) -> bool:
        below = text + "/"
        return below.startswith(scanned) and not below.startswith(unreadable)

    return [text for text in known if text not in present and is_gone(text)]


def _prefix(text: str) -> str:
    return "" if text == "." else text.rstrip("/") + "/"


def _recognise(plan: Plan, candidates: Mapping[str, FoundFile], known: Mapping[str, MediaRecord]) -> None:
    """Split candidates into moved, touched and to be embedded; hash only where sizes make a match possible."""
    lost: dict[int, dict[str, str]] = defaultdict(dict)  # size -> content hash -> path of a file that is gone
    for text in plan.gone:
        before = known[text]
        if before.state == "ok" and before.content_hash:
            lost[before.size][before.content_hash] = text
    for text, found in candidates.items():
        record = known.get(text)
        own = record.content_hash if record and record.state == "ok" and record.size == found.size else ""
        others = lost.get(found.size, {})
        digest = _hash(found.path) if own or others else ""
        if digest and digest == own:
            plan.touched[text] = found
        elif digest and digest in others:
            plan.moved[text] = (others.pop(digest), found)
        else:
            plan.embed[text] = found
    renamed = {old for old, _ in plan.moved.values()}
    plan.gone = [text for text in plan.gone if text not in renamed]


def _hash(path: Path) -> str:
    try:
        return content_hash(path)
    except UnreadableMediaError as error:
        logger.debug("%s: not hashed: %s", path, error)
        return ""
