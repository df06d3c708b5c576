"""`jepa index`: make files searchable, and keep them so."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli import console
from cli.follow import Watch
from cli.locate import Target
from cli.options import JsonOption
from cli.progress import indexing_progress
from cli.values import parse_sampling
from jepa_retrieval.errors import JepaError, UsageError

if TYPE_CHECKING:
    from jepa_retrieval.library import Library
    from jepa_retrieval.tasks.indexing.plan import Plan
    from jepa_retrieval.tasks.indexing.report import IndexReport

FAILURES_SHOWN = 10


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("index")(index)


def index(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Folders and files to index.")],
    index_dir: Annotated[
        Path | None,
        typer.Option(
            "--index",
            envvar="JEPA_INDEX",
            metavar="DIR",
            help="Where the index lies. Without it: the nearest .jepa at or above PATH, else a new PATH/.jepa.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Model of a new index: $JEPA_MODEL, or nano; see 'jepa models list'."
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Prompt of a new index: what the model is asked of each clip."),
    ] = None,
    sampling: Annotated[
        str, typer.Option(metavar="auto|keyframes|FPS", help="Which frames of a video to look at.")
    ] = "auto",
    include: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Take only files that match. May be repeated.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Leave out what matches. May be repeated.")
    ] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Take names that begin with a dot too.")] = False,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Go into symbolic links to folders.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Then keep watching PATH and index what changes, until Ctrl-C.")
    ] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="With --follow: time between two looks.")
    ] = 5.0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try files again that failed before and have not changed.")
    ] = False,
    tokens: Annotated[
        bool,
        typer.Option(
            "--tokens/--no-tokens",
            help="Store visual tokens, so that questions need no decoding later; 'jepa status' shows their size.",
        ),
    ] = True,
    captions: Annotated[
        bool | None,
        typer.Option(
            "--captions/--no-captions",
            help="Store a sentence for each clip, to read and for --where \"caption like '%dog%'\".",
            show_default="as the index has it",
        ),
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Embed everything again, with another --model or --prompt if named."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    json: JsonOption = False,
) -> None:
    """Make folders of video and photographs searchable. Running it again takes only what has changed.

    Files that cannot be read are named and skipped; the exit status is then 1. Interrupt it at any time: what is
    done is kept, and the next run goes on from there.

    \b
    Examples:
      jepa index ~/Videos
      jepa index ~/Videos --exclude "*.gif" --exclude cache --sampling keyframes
      jepa index ~/Videos /media/disk --index ~/videos.index
    """
    if dry_run and follow:
        raise UsageError("--dry-run and --follow exclude each other")
    run = _Run(
        paths=paths,
        options={
            "sampling": parse_sampling(sampling),
            "include": include or [],
            "exclude": exclude or [],
            "hidden": hidden,
            "follow_links": follow_links,
            "keep_tokens": tokens,
            "captions": captions,
        },
        json=json,
        follow=follow,
    )
    target = Target.choose(paths, index_dir, model=model, prompt=prompt)
    if dry_run:
        with target.opened_for_planning() as library:
            planned = library.index(paths, dry_run=True, rebuild=rebuild, **run.options).planned
        assert planned is not None  # a dry run always plans
        _print_plan(planned, json=json)
        return
    library = target.open_or_create(rebuild=rebuild)
    again = {"rebuild": True, "model": model, "prompt": prompt} if rebuild else {}
    try:
        watch = Watch(paths, run.scan_options, interval=interval) if follow else None
        failed = run.once(library, retry_failed=retry_failed, **again)
        if watch is not None:
            run.forever(library, watch)
    except KeyboardInterrupt:
        console.note("Interrupted. What was indexed is kept; the same command goes on from there.")
        raise typer.Exit(130) from None
    raise typer.Exit(1 if failed else 0)


@dataclass
class _Run:
    """What one invocation asks of the library, perhaps several times."""

    paths: list[Path]
    options: dict[str, Any]
    json: bool
    follow: bool

    @property
    def scan_options(self) -> dict[str, Any]:
        """The options that say which files belong to the run."""
        return {name: self.options[name] for name in ("include", "exclude", "hidden", "follow_links")}

    def once(self, library: Library, **more: Any) -> bool:
        """Bring the index up to date, print what was done, and say whether any file failed."""
        with indexing_progress() as on_progress:
            report = library.index(self.paths, on_progress=on_progress, **self.options, **more)
        report.failed.sort(key=lambda failure: failure.path)  # workers finish in any order
        _print_failures(report)
        if not (report.indexed or report.unchanged or report.moved or report.failed or report.failed_before):
            console.note("No video and no photograph was found.")
        if self.json:
            console.result_json(_summary(report), one_line=self.follow)
        else:
            console.result(summary_line(report))
        return bool(report.failed)

    def forever(self, library: Library, watch: Watch) -> NoReturn:
        """Index whatever changes, until the user ends it."""
        console.note(f"Watching {console.count(len(self.paths), 'path')} for changes; Ctrl-C ends it.")
        while True:
            watch.wait()
            try:
                self.once(library)
            except JepaError as error:  # another process writes, the disk is full: later it may work
                console.warning(console.printable(str(error)))
                watch.forget()


def _print_plan(plan: Plan, *, json: bool) -> None:
    if json:
        console.result_json(
            {
                "index": sorted(plan.embed),
                "move": [{"from": old, "to": new} for new, (old, _) in sorted(plan.moved.items())],
                "remove": sorted(plan.gone),
                "unchanged": plan.unchanged + len(plan.touched),
                "failed_before": plan.failed_before,
            }
        )
        return
    console.results(f"index\t{console.printable(path)}" for path in sorted(plan.embed))
    for new, (old, _) in sorted(plan.moved.items()):
        console.result(f"move\t{console.printable(old)}\t{console.printable(new)}")
    console.results(f"remove\t{console.printable(path)}" for path in sorted(plan.gone))
    console.note(
        f"Would index {len(plan.embed):,}, move {len(plan.moved):,}, remove {len(plan.gone):,}; "
        f"{plan.unchanged + len(plan.touched):,} unchanged."
    )


def _summary(report: IndexReport) -> dict[str, Any]:
    captioned = {"captioned": report.captioned} if report.captioned else {}
    return {
        "indexed": report.indexed,
        "unchanged": report.unchanged,
        "moved": report.moved,
        "removed": report.removed,
        "failed": [asdict(failure) for failure in report.failed],
        "failed_before": report.failed_before,
        "clips": report.clips,
        **captioned,
        "seconds": round(report.seconds, 3),
    }


def summary_line(report: IndexReport) -> str:
    """What an indexing run did, in one line."""
    parts = [f"Indexed {console.count(report.indexed, 'file')} in {report.seconds:.1f} s"]
    for number, what in (
        (report.unchanged, "unchanged"),
        (report.moved, "moved"),
        (report.removed, "removed"),
    ):
        if number:
            parts.append(f"{number:,} {what}")
    if report.captioned:
        parts.append(f"{console.count(report.captioned, 'caption')} written")
    if report.failed:
        parts.append(f"{len(report.failed):,} failed")
    if report.failed_before:
        parts.append(f"{report.failed_before:,} failed before")
    return f"{', '.join(parts)}; {console.count(report.clips, 'clip')} in the index."


def _print_failures(report: IndexReport) -> None:
    for failure in report.failed[:FAILURES_SHOWN]:
        console.warning(f"{console.printable(failure.path)}: {console.printable(failure.error)}")
    if len(report.failed) > FAILURES_SHOWN:
        more = len(report.failed) - FAILURES_SHOWN
        console.warning(f"{console.count(more, 'more file')} failed: 'jepa status --failed' lists them")
