"""What `jepa index` prints: a plan, or what a run did."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli import console

if TYPE_CHECKING:
    from jepa_retrieval.tasks.indexing.plan import Plan
    from jepa_retrieval.tasks.indexing.report import IndexReport

MAX_FAILURES_SHOWN = 10


def print_plan(plan: Plan, *, json: bool) -> None:
    """Print what a run would do."""
    if json:
        console.result_json(
            {
                "index": sorted(plan.embed),
                "move": [{"from": old, "to": new} for new, (old, _) in sorted(plan.moved.items())],
                "remove": sorted(plan.gone),
                "absent": [asdict(folder) for folder in plan.absent],
                "unselected": len(plan.unselected),
                "left_out": dict(Counter(item.reason for item in plan.left_out).most_common()),
                "unchanged": plan.unchanged + len(plan.touched),
                "failed_before": plan.failed_before,
            }
        )
        return
    for path in sorted(plan.embed):
        console.row("index", path)
    for new, (old, _) in sorted(plan.moved.items()):
        console.row("move", old, new)
    for path in sorted(plan.gone):
        console.row("remove", path)
    console.note(
        f"Would index {len(plan.embed):,}, move {len(plan.moved):,}, remove {len(plan.gone):,}; "
        f"{plan.unchanged + len(plan.touched):,} unchanged."
    )


def print_report(report: IndexReport, *, json: bool, one_line: bool, kept: bool = True) -> None:
    """Print what a run did: problems and notes to standard error, the summary to standard output.

    `kept`: whether the index stays, so that `jepa status` can list the rest of a long list.
    """
    for failures in (report.failed, report.partial, report.warnings, report.unheard, report.unread):
        failures.sort(key=lambda failure: failure.path)  # workers finish in no fixed order
    _print_failures(report, MAX_FAILURES_SHOWN if kept else len(report.failed))
    _print_warnings(report)
    _print_kept(report)
    _print_left_out(report, kept=kept)
    if _found_nothing(report):
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
    if report.failed:
        parts.append(f"{len(report.failed):,} failed")
    if report.failed_before:
        parts.append(f"{report.failed_before:,} failed in an earlier run")
    return f"{', '.join(parts)}; {console.count(report.clips, 'clip')} in the index."


def _print_failures(report: IndexReport, shown: int) -> None:
    for failures, what, option in (
        (report.failed, "failed", "--failed"),
        (report.partial, "indexed in part", "--partial"),
        (report.unheard, "without speech, or with a part of it", ""),
        (report.unread, "in which writing could not be looked for", ""),
    ):
        for failure in failures[:shown]:
            partial = "; indexed in part" if failures is report.partial else ""
            console.warning(f"{failure.path}: {failure.error}{partial}")
        if len(failures) > shown:
            more = len(failures) - shown
            listed = f"; 'jepa status {option}' lists them" if option else ""
            console.warning(f"{console.count(more, 'more file')} {what}{listed}")


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


def _print_left_out(report: IndexReport, *, kept: bool) -> None:
    """What the run skipped on purpose, and patterns that had no effect."""
    for pattern in report.unmatched_patterns:
        console.warning(f"the pattern {pattern!r} matched nothing")
    if report.left_out:
        total = console.count(sum(report.left_out.values()), "file or folder", "files and folders")
        reasons = ", ".join(f"{reason} ({number:,})" for reason, number in report.left_out.items())
        listed = " 'jepa status --left-out' lists them." if kept else ""
        console.note(f"Left out {total}: {reasons}.{listed}")
