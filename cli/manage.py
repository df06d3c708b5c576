"""Commands that maintain an index: `status`, `remove`, `verify`, `optimize`."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.completion import one_of
from cli.locate import open_library
from cli.options import IndexOption, JsonOption
from cli.paths import parse_path_text
from cli.values import parse_size
from indexes.vectors.gpu.kinds import GPU_KINDS
from indexes.vectors.kinds import KINDS
from indexes.vectors.search_settings import SearchDevice
from jepa_retrieval.errors import UsageError
from jepa_retrieval.times import format_time

if TYPE_CHECKING:
    from indexes import IndexStats, SearchSettings
    from jepa_retrieval.library import Library


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("status")(status)
    app.command("remove")(remove)
    app.command("verify")(verify)
    app.command("optimize")(optimize)


def remove(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", parser=parse_path_text, help="Files, folders or glob patterns."),
    ],
    index: IndexOption = None,
    json: JsonOption = False,
) -> None:
    """Remove files and folders from an index. The media files themselves are not touched.

    Patterns are matched against paths as 'jepa search' prints them. Paths that are not in the index are listed, and
    the exit status is then 1.

    \b
    Examples:
      jepa remove old/ trip/a.mp4
      jepa remove "*.gif"
    """
    library = open_library(index)
    known = list(library.records.known_files())
    matches = {path: _matching(path, known, library) for path in paths}
    unknown = [path for path, found in matches.items() if not found]
    if len(unknown) == len(matches):
        raise UsageError(f"{', '.join(unknown)}: not in the index {library.folder}")
    for path in unknown:
        console.warning(f"{path}: not in the index")
    matched = sorted(set().union(*matches.values()))
    removed = library.remove([library.resolve(text) for text in matched])
    if json:
        console.result_json({"removed": removed})
    else:
        console.result(f"Removed {console.count(removed, 'file')} from the index.")
    if unknown:
        raise typer.Exit(1)


def _matching(path: str, known: Iterable[str], library: Library) -> set[str]:
    """The stored paths that `path` selects: a file, everything below a folder, or the matches of a pattern.

    `path` may be relative to the working directory, or a path as the index stores it.
    """
    from jepa_retrieval.tasks.indexing.remove import files_at

    found = set(files_at([path], known, library.media_root))
    return found or {text for text in known if fnmatch.fnmatchcase(text, path)}


def verify(index: IndexOption = None, json: JsonOption = False) -> None:
    """Check an index for damage. Problems are printed with a remedy, and the exit status is then 1.

    \b
    Examples:
      jepa verify
      jepa verify --index ~/videos.index --json
    """
    library = open_library(index)
    problems = library.verify()
    if json:
        console.result_json(
            {"index": str(library.folder), "problems": [asdict(problem) for problem in problems]}
        )
    else:
        for problem in problems:
            console.results([f"{problem.what}: {problem.detail}", f"  Remedy: {problem.remedy}"])
        if not problems:
            console.result(f"{library.folder}: no problems found.")
    raise typer.Exit(1 if problems else 0)


def optimize(
    index: IndexOption = None,
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="SIZE", help="Maximum memory for searches, such as 4GB; or 'any'."),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option(
            "--recall",
            min=0.0,
            max=1.0,
            metavar="R",
            help="Share of the true ten best clips to find, such as 0.98.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            autocompletion=one_of("auto", *KINDS),
            help=f"Kind of vector index: {', '.join(KINDS)}; or 'auto'.",
        ),
    ] = None,
    device: Annotated[
        SearchDevice | None,
        typer.Option(
            "--device",
            metavar="auto|cpu|cuda",
            help="Where to search. cuda: on a GPU; auto: on a GPU only many queries at once; cpu: never on a GPU.",
        ),
    ] = None,
    gpu_kind: Annotated[
        str | None,
        typer.Option(
            "--gpu-kind",
            metavar="KIND",
            help=f"Kind of index on the GPU: {', '.join(GPU_KINDS)}; or 'auto', by the GPU's memory.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make an index smaller and faster: compact its tables, delete old versions, rebuild the vector index.

    The kind of vector index is chosen by the number of clips, the memory and the recall. It is printed with the
    recall measured on sample queries. The settings are stored and apply until they are changed.

    \b
    Examples:
      jepa optimize
      jepa optimize --memory 4GB
      jepa optimize --memory any --recall 0.995
    """
    library = open_library(index)
    maintenance = library.records.maintenance
    settings = _search_settings(maintenance.search_settings, memory, recall, kind)
    settings = _gpu_settings(settings, device, gpu_kind)
    plan = maintenance.plan(settings)
    expected = f"expected recall@10 {plan.expected_recall:.2f}"
    console.note(f"Vector index: {plan.kind.name}, {console.bytes_text(plan.memory)} of memory, {expected}.")
    before = library.status()
    library.optimize(settings)
    after = library.status()
    if json:
        search = {
            "vector_kind": after.vector_kind,
            "search_memory_bytes": after.search_memory_bytes,
            "recall_expected": after.recall_expected,
            "recall_measured": after.recall_measured,
        }
        sizes = {"bytes_before": before.total_bytes, "bytes_after": after.total_bytes}
        console.result_json({**sizes, **search})
    else:
        console.result(
            f"{library.folder}: {console.bytes_text(before.total_bytes)} before, "
            f"{console.bytes_text(after.total_bytes)} now; versions from the last hour are kept for open readers."
        )
        console.result(f"Search: {_search_line(after)}.")


def _gpu_settings(stored: SearchSettings, device: SearchDevice | None, kind: str | None) -> SearchSettings:
    """The stored search settings, with the given options for GPUs in their place."""
    if kind is not None and kind != "auto" and kind not in GPU_KINDS:
        raise UsageError(f"--gpu-kind: there is no kind {kind!r}: use {', '.join(GPU_KINDS)} or auto")
    if device is not None:
        stored = replace(stored, device=device)
    return stored if kind is None else replace(stored, gpu_kind=None if kind == "auto" else kind)


def _search_settings(
    stored: SearchSettings, memory: str | None, recall: float | None, kind: str | None
) -> SearchSettings:
    """The stored search settings, with the given options in their place."""
    if recall is not None and not 0 < recall <= 1:
        raise UsageError(f"--recall must be above 0 and at most 1, not {recall}")
    if kind is not None and kind != "auto" and kind not in KINDS:
        raise UsageError(f"--kind must be auto or one of {', '.join(KINDS)}, not '{kind}'")
    if memory is not None:
        stored = replace(stored, memory=None if memory == "any" else parse_size(memory))
    if recall is not None:
        stored = replace(stored, recall=recall)
    if kind is not None:
        stored = replace(stored, kind=None if kind == "auto" else kind)
    return stored


def _search_line(stats: IndexStats) -> str:
    line = f"{stats.vector_kind}, {console.bytes_text(stats.search_memory_bytes)} of memory"
    if stats.recall_measured is None or stats.recall_expected is None:
        return line
    return f"{line}; recall@10 {stats.recall_expected:.2f} expected, {stats.recall_measured:.3f} measured"


def status(
    index: IndexOption = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="List the files that failed, with the reasons.")
    ] = False,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="List the files that were indexed in part, with what is missing."),
    ] = False,
    left_out: Annotated[
        bool,
        typer.Option("--left-out", help="List the files that were left out on purpose, with the reasons."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what an index contains and how much disk space it uses.

    With --failed, --partial or --left-out: a line for each such file, with path and reason separated by a tab.

    \b
    Examples:
      jepa status
      jepa status --failed
    """
    if failed + partial + left_out > 1:
        raise UsageError("--failed, --partial and --left-out cannot be used together")
    library = open_library(index)
    if failed:
        _print_files(((f.path, f.error) for f in library.failures()), "error", "No failed files.", json=json)
    elif partial:
        found = ((f.path, f.error) for f in library.partial_files())
        _print_files(found, "error", "No files were indexed in part.", json=json)
    elif left_out:
        listed = library.records.left_out()
        _print_files(
            ((f.path, f.reason) for f in listed.files), "reason", "No files were left out.", json=json
        )
        if listed.unlisted:
            console.note(f"{listed.unlisted:,} more are not listed.")
    elif json:
        console.result_json(_status_document(library))
    else:
        console.results(_status_lines(library))


def _print_files(files: Iterable[tuple[str, str]], what: str, nothing: str, *, json: bool) -> None:
    """Paths with the sentence that belongs to each, which JSON calls `what`."""
    rows = list(files)
    if json:
        console.result_json([{"path": path, what: sentence} for path, sentence in rows])
        return
    for path, sentence in rows:
        console.row(path, sentence)
    if not rows:
        console.note(nothing)


def _status_document(library: Library) -> dict[str, Any]:
    return {"index": str(library.folder), "last_indexed": _last_indexed(library), **asdict(library.status())}


def _status_lines(library: Library) -> Iterator[str]:
    stats = library.status()
    media = f"{console.count(stats.videos, 'video')}, {console.count(stats.images, 'image')}"
    others = "".join(
        f"; {number:,} {what} ('jepa status {option}')"
        for number, what, option in (
            (stats.files_partial, "in part", "--partial"),
            (stats.files_failed, "failed", "--failed"),
            (stats.files_left_out, "left out", "--left-out"),
        )
        if number
    )
    yield from console.columns(
        [
            ("index", str(library.folder)),
            ("model", stats.model),
            ("prompt", stats.prompt or "none"),
            ("files", f"{stats.files_ok + stats.files_partial:,} ({media}){others}"),
            ("video", format_time(stats.media_seconds)),
            ("clips", f"{stats.clips:,}"),
            (
                "search",
                f"{_search_line(stats)}; {stats.vectors_covered:,} of {stats.clips:,} clips in the vector index",
            ),
            ("indexed", _last_indexed(library)),
            ("on disk", console.bytes_text(stats.total_bytes)),
        ]
    )
    parts = {
        "tokens": stats.tokens_bytes,
        "thumbnails": stats.thumbnails_bytes,
        "embeddings": stats.embeddings_bytes,
        "streams": stats.streams_bytes,
        "vector index": stats.vectors_bytes,
    }
    parts["other"] = stats.total_bytes - sum(parts.values())
    yield from console.columns(
        ((name, console.bytes_text(size)) for name, size in parts.items()), indent="  "
    )


def _last_indexed(library: Library) -> str:
    """When the index last changed: every commit replaces the manifest."""
    changed = (library.folder / "manifest.json").stat().st_mtime
    return datetime.fromtimestamp(changed, UTC).isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
