"""What `jepa index` prints: a plan, or what a run did."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli import console

if TYPE_CHECKING:
    from jepa_retrieval.tasks.indexing.plan import Plan
    from jepa_retrieval.tasks.indexing.report import IndexReport

MAX_FAILURES_SHOWN = 10


def print_plan(report: IndexReport, plan: Plan, *, json: bool) -> None:
    """Print what a run would do, and what a dry run has found: `report.planned` and the report itself."""
    _print_failures(report, stored=set())
    _print_kept(report)
    _print_left_out(report, listed=False)
    if json:
        console.result_json(
            {
                "index": sorted(plan.embed),
                "move": [{"from": old, "to": new} for new, (old, _) in sorted(plan.moved.items())],
                "remove": sorted(plan.gone),
                "failed": [asdict(failure) for failure in report.failed],
                "absent": [asdict(folder) for folder in report.absent],
                "unselected": report.unselected,
                "left_out": report.left_out,
                "unmatched_patterns": report.unmatched_patterns,
                "unchanged": report.unchanged,
                "failed_before": report.failed_before,
                **{f"{text}_files": number for text, number in report.to_look_at.items()},
            }
        )
        return
    for path in sorted(plan.embed):
        console.row("index", path)
    for new, (old, _) in sorted(plan.moved.items()):
        console.row("move", old, new)
    for path in sorted(plan.gone):
        console.row("remove", path)
    before = f", {report.failed_before:,} failed in an earlier run" if report.failed_before else ""
    console.note(
        f"Would index {len(plan.embed):,}, move {len(plan.moved):,}, remove {len(plan.gone):,}; "
        f"{report.unchanged:,} unchanged{before}."
    )
    for text, number in report.to_look_at.items():
        console.note(f"Would look for {text} in {console.count(number, 'file')}.")


def print_report(
    report: IndexReport, *, json: bool, one_line: bool, stored: Collection[str] | None = None
) -> None:
    """Print what a run did: problems and notes to standard error, the summary to standard output.

    `stored`: the paths that `jepa status` lists as failed or partial; None if no index stays that it could read.
    """
    for failures in (report.failed, report.partial, report.warnings, report.unheard, report.unread):
        failures.sort(key=lambda failure: failure.path)  # workers finish in no fixed order
    _print_failures(report, stored)
    _print_warnings(report)
    _print_kept(report)
    _print_left_out(report, listed=stored is not None)
    if _found_nothing(report) and stored is not None:  # else the error says so
        console.note("No videos or images found.")
    if json:
        console.result_json(_summary(report), one_line=one_line)
    else:
        console.result(_summary_line(report))


def _found_nothing(report: IndexReport) -> bool:
    seen = (report.indexed, report.unchanged, report.moved, report.failed_before)
    return not (any(seen) or report.failed or report.absent)


def _summary(report: IndexReport) -> dict[str, Any]:
    rare = {
        "warnings": [asdict(file) for file in report.warnings],
        "partial_before": report.partial_before,
        "captioned": report.captioned,
        "spoken": report.spoken,
        "unheard": [asdict(failure) for failure in report.unheard],
        "read": report.read,
        "unread": [asdict(failure) for failure in report.unread],
        "absent": [asdict(folder) for folder in report.absent],
        "unselected": report.unselected,
        "store_bytes_read": report.fetched,
        "store_bytes": report.fetched_of,
    }
    return {
        "indexed": report.indexed,
        "unchanged": report.unchanged,
        "moved": report.moved,
        "removed": report.removed,
        "partial": [asdict(failure) for failure in report.partial],
        "failed": [asdict(failure) for failure in report.failed],
        "failed_before": report.failed_before,
        "left_out": report.left_out,
        "clips": report.clips,
        **{name: value for name, value in rare.items() if value},
        "seconds": round(report.seconds, 3),
    }


def _summary_line(report: IndexReport) -> str:
    """What a run did, in one line."""
    partial = f" ({len(report.partial):,} in part)" if report.partial else ""
    parts = [f"Indexed {console.count(report.indexed, 'file')}{partial} in {report.seconds:.1f} s"]
    partial_before = f" ({report.partial_before:,} in part)" if report.partial_before else ""
    for number, what in (
        (report.unchanged, f"unchanged{partial_before}"),
        (report.moved, "moved"),
        (report.removed, "removed"),
    ):
        if number:
            parts.append(f"{number:,} {what}")
    if report.captioned:
        parts.append(f"{console.count(report.captioned, 'caption')} written")
    if report.spoken:
        parts.append(f"speech of {console.count(report.spoken, 'file')}")
    if report.read:
        parts.append(f"writing of {console.count(report.read, 'file')}")
    if report.fetched:
        total = console.bytes_text(report.fetched_of)
        parts.append(f"{console.bytes_text(report.fetched)} of {total} read from stores")
    if report.failed:
        parts.append(f"{len(report.failed):,} failed")
    if report.failed_before:
        parts.append(f"{report.failed_before:,} failed in an earlier run")
    return f"{', '.join(parts)}; {console.count(report.clips, 'clip')} in the index."


def _print_failures(report: IndexReport, stored: Collection[str] | None) -> None:
    """The first of each kind, and where the rest is listed; all that failed where no index stays."""
    told = set(report.partial)
    unheard = [failure for failure in report.unheard if failure not in told]
    for failures, what, option in (
        (report.failed, "failed", "--failed"),
        (report.partial, "indexed in part", "--partial"),
        (unheard, "files without speech, or with a part of it", ""),
        (report.unread, "files in which writing could not be looked for", ""),
    ):
        shown = len(failures) if stored is None and failures is report.failed else MAX_FAILURES_SHOWN
        for failure in failures[:shown]:
            partial = "; indexed in part" if failures is report.partial else ""
            console.warning(f"{failure.path}: {failure.error}{partial}")
        more = len(failures) - shown
        listed = sum(failure.path in (stored or ()) for failure in failures[shown:]) if option else 0
        if listed:
            console.warning(f"{console.count(listed, 'more file')} {what}; 'jepa status {option}' lists them")
        if more > listed:  # such as lines of a manifest, which are no files
            rest = console.count(more - listed, "more problem") if option else f"{more:,} more {what}"
            console.warning(f"{rest}; --json lists them")


def _print_warnings(report: IndexReport) -> None:
    """Harmless problems of files that were indexed."""
    for file in report.warnings[:MAX_FAILURES_SHOWN]:
        console.note(f"{file.path}: {file.error}; indexed all the same")
    if len(report.warnings) > MAX_FAILURES_SHOWN:
        more = len(report.warnings) - MAX_FAILURES_SHOWN
        console.note(f"{console.count(more, 'more file')} with harmless problems; --json lists them")


def _print_kept(report: IndexReport) -> None:
    """Files that were kept although this run did not find them."""
    for folder in report.absent:
        console.warning(
            f"{folder.path}: {folder.reason}; {console.count(folder.files, 'file')} kept in the index and marked "
            "as offline ('--prune' removes offline files)"
        )
    if report.unselected:
        console.note(
            f"Kept {console.count(report.unselected, 'file')} in the index that this run's options do not select "
            "('--prune' removes such files)."
        )


def _print_left_out(report: IndexReport, *, listed: bool) -> None:
    """What the run skipped on purpose, and patterns that had no effect; `listed`: whether the index has the list."""
    for pattern in report.unmatched_patterns:
        console.warning(f"the pattern {pattern!r} matched nothing")
    if report.left_out:
        total = console.count(sum(report.left_out.values()), "file or folder", "files and folders")
        reasons = ", ".join(f"{reason} ({number:,})" for reason, number in report.left_out.items())
        where = " 'jepa status --left-out' lists them." if listed else ""
        console.note(f"Left out {total}: {reasons}.{where}")
        if "audio only" in report.left_out:
            console.note("With --speech, files with sound only can be found by what is said in them.")
