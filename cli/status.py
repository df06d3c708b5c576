"""`jepa status`: what an index contains, and what could not be read or was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli import console
from cli.locate import open_library
from cli.options import IndexOption, JsonOption
from jepa_retrieval.errors import UsageError
from jepa_retrieval.times import format_time

if TYPE_CHECKING:
    from indexes import IndexStats
    from jepa_retrieval.library import Library


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("status")(status)


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
    without_speech: Annotated[
        bool,
        typer.Option(
            "--without-speech", help="List the files of which it is not known what is said in them."
        ),
    ] = False,
    without_writing: Annotated[
        bool,
        typer.Option(
            "--without-writing", help="List the files of which it is not known what is written in them."
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what an index contains and how much disk space it uses.

    With one of the options that list files: a line for each such file, with path and reason separated by a tab.

    \b
    Examples:
      jepa status
      jepa status --failed
    """
    if failed + partial + left_out + without_speech + without_writing > 1:
        raise UsageError("only one of the options that list files can be used at a time")
    library = open_library(index)
    if failed:
        _print_files(((f.path, f.error) for f in library.failures()), "error", "No failed files.", json=json)
    elif partial:
        found = ((f.path, f.error) for f in library.partial_files())
        _print_files(found, "error", "No files were indexed in part.", json=json)
    elif without_speech or without_writing:
        text: Literal["speech", "writing"] = "speech" if without_speech else "writing"
        lacking = ((f.path, f.error) for f in library.files_lacking(text))
        _print_files(lacking, "reason", f"No files without {text}.", json=json)
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
    return {"index": library.place, "last_indexed": _last_indexed(library), **asdict(library.status())}


def _status_lines(library: Library) -> Iterator[str]:
    stats = library.status()
    media = f"{console.count(stats.videos, 'video')}, {console.count(stats.images, 'image')}"
    media += f", {console.count(stats.audio, 'audio file')}" if stats.audio else ""
    played = " and ".join(name for name, there in (("video", stats.videos), ("audio", stats.audio)) if there)
    exceptions = (
        ("partial", stats.files_partial, "--partial"),
        ("failed", stats.files_failed, "--failed"),
        ("left out", stats.files_left_out, "--left-out"),
    )
    yield from console.columns(
        [
            ("index", library.place),
            ("model", stats.model),
            ("prompt", stats.prompt or "none"),
            ("files", f"{stats.files_ok + stats.files_partial:,} ({media})"),
            *(
                (name, f"{number:,} (see 'jepa status {option}')")
                for name, number, option in exceptions
                if number
            ),
            *([(played, format_time(stats.media_seconds))] if stats.videos or stats.audio else []),
            *_texts(stats),
            ("clips", f"{stats.clips:,}"),
            (
                "search",
                f"{search_line(stats)}; {stats.vectors_covered:,} of {stats.clips:,} clips in the vector index",
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


def _texts(stats: IndexStats) -> Iterator[tuple[str, str]]:
    """Of how many files it is known what is said and written in them, where the index keeps that."""
    for name, missing, files in (
        ("speech", stats.speech_missing, stats.videos + stats.audio),
        ("writing", stats.writing_missing, stats.videos + stats.images),
    ):
        if missing is not None:
            listed = f" (see 'jepa status --without-{name}')" if missing else ""
            yield name, f"of {files - missing:,} of {console.count(files, 'file')}{listed}"


def _last_indexed(library: Library) -> str:
    """When the index last changed: every commit replaces the manifest."""
    changed = (library.folder / "manifest.json").stat().st_mtime
    return datetime.fromtimestamp(changed, UTC).isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")


def search_line(stats: IndexStats) -> str:
    """The kind of vector index with its memory and recall, in one line."""
    line = f"{stats.vector_kind}, {console.bytes_text(stats.search_memory_bytes)} of memory"
    if stats.recall_measured is None or stats.recall_expected is None:
        return line
    return f"{line}; recall@10 {stats.recall_expected:.2f} expected, {stats.recall_measured:.3f} measured"
