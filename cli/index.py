"""`jepa index`: make files searchable and keep the index up to date."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli import console
from cli.completion import model_names, one_of
from cli.distributed import (
    AddressOption,
    DistributedOption,
    MaxRetriesOption,
    ShardFilesOption,
    WorkersOption,
    engine_options,
)
from cli.fetching import chosen_model, fetch_speech_model
from cli.follow import ChangeWatcher
from cli.index_report import print_plan, print_report
from cli.locate import Target
from cli.options import DecoderOption, DeviceOption, JsonOption, text_option
from cli.paths import parse_path
from cli.progress import indexing_progress
from cli.values import parse_sampling
from jepa_retrieval.errors import JepaError, UsageError
from jepa_retrieval.source_paths import url_of

if TYPE_CHECKING:
    from jepa_retrieval.library import Library
    from jepa_retrieval.tasks.indexing.report import IndexReport


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("index")(index)


def index(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            parser=parse_path,
            help="Folders and files to index; also .tar shards, .jsonl manifests and addresses (s3://bucket/folder).",
        ),
    ],
    index_dir: Annotated[
        Path | None,
        typer.Option(
            "--index",
            envvar="JEPA_INDEX",
            metavar="DIR",
            parser=parse_path,
            help="Folder of the index, or s3://... Default: the nearest .jepa at or above PATH, else PATH/.jepa.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=model_names,
            help="Model for a new index. Default: $JEPA_MODEL, else nano; see 'jepa models list'.",
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        text_option("Prompt for a new index: the question that the model answers about each clip."),
    ] = None,
    sampling: Annotated[
        str,
        typer.Option(
            metavar="auto|keyframes|FPS",
            autocompletion=one_of("auto", "keyframes"),
            help="Frames to sample from videos.",
        ),
    ] = "auto",
    decoder: DecoderOption = "auto",
    device: DeviceOption = "auto",
    include: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Index only matching files. Repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Skip matching files and folders. Repeatable.")
    ] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Include names that begin with a dot.")] = False,
    system_folders: Annotated[
        bool,
        typer.Option(
            "--system-folders",
            help="Enter folders that devices and programs make, such as @eaDir and $RECYCLE.BIN.",
        ),
    ] = False,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Follow symbolic links to folders.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep running and index changes in PATH until Ctrl-C.")
    ] = False,
    interval: Annotated[
        float,
        typer.Option(
            min=0.1, max=86400, metavar="SECONDS", help="With --follow: time between scans for changes."
        ),
    ] = 5.0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Retry unchanged files that failed in an earlier run.")
    ] = False,
    tokens: Annotated[
        bool,
        typer.Option(
            "--tokens/--no-tokens",
            help="Store visual tokens, so that 'jepa ask' need not decode files again.",
            show_default="--tokens",
        ),
    ] = True,
    captions: Annotated[
        bool | None,
        typer.Option(
            "--captions/--no-captions",
            help="Store a generated sentence for each clip, to show and for --where \"caption like '%dog%'\".",
            show_default="as in the index",
        ),
    ] = None,
    speech: Annotated[
        bool | None,
        typer.Option(
            "--speech/--no-speech",
            help="Store what is said in videos and audio files, from subtitles or by speech recognition; needs the "
            "extra 'speech'. Without it, audio files are left out.",
            show_default="as in the index",
        ),
    ] = None,
    speech_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="With --speech: the model, such as whisper:small; it also replaces what other models recognised.",
        ),
    ] = None,
    distributed: DistributedOption = None,
    address: AddressOption = None,
    shard_files: ShardFilesOption = None,
    max_retries: MaxRetriesOption = None,
    workers: WorkersOption = None,
    writing: Annotated[
        bool | None,
        typer.Option(
            "--writing/--no-writing",
            help="Store what is written in videos and images, by text recognition; needs the extra 'ocr'.",
            show_default="as in the index",
        ),
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Embed all files again, with a new --model or --prompt if given."),
    ] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Remove every file below PATH that this run does not find, also those on a missing disk.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, without doing it.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make folders of videos and images searchable. Later runs process only what has changed.

    Files that cannot be read, or only in part, are listed; the exit status is then 1. Later runs only count them,
    until they change, and end with 0. If nothing is found or nothing can be read, no new index is created, and the
    exit status is 2; with --follow it is created and waits for files.

    A run can be interrupted at any time: finished files are kept, and the next run continues from there. Deleted
    files are removed from the index; files on a missing disk, and files that the options no longer select, are kept
    unless --prune is given.

    \b
    Examples:
      jepa index ~/Videos
      jepa index ~/Videos --exclude "*.gif" --exclude cache --sampling keyframes
      jepa index ~/Videos --speech --writing
      jepa index ~/Videos /media/disk --index ~/videos.index
      jepa index /mnt/videos --distributed ray --address auto
      jepa index s3://bucket/videos --index ~/videos.index
    """
    engine = engine_options(
        distributed, address=address, shard_files=shard_files, max_retries=max_retries, workers=workers
    )
    if dry_run and follow:
        raise UsageError("--dry-run and --follow cannot be used together")
    if speech is False and speech_model is not None:
        raise UsageError("--no-speech and --speech-model cannot be used together")
    from jepa_retrieval.media import resolve_decoder

    run = _Run(
        paths=paths,
        options={
            "sampling": parse_sampling(sampling),
            "include": include or [],
            "exclude": exclude or [],
            "hidden": hidden,
            "system_folders": system_folders,
            "follow_links": follow_links,
            "keep_tokens": tokens,
            "captions": captions,
            "speech": True if speech is None and speech_model is not None else speech,
            "speech_model": speech_model,
            "writing": writing,
            "decoder": resolve_decoder(decoder),
            "prune": prune,
            **engine,
        },
        json=json,
        follow=follow,
    )
    target = Target.choose(paths, index_dir, model=model, prompt=prompt)
    if dry_run:
        raise run.plan(target, rebuild=rebuild, retry_failed=retry_failed)
    if speech_model is not None:
        fetch_speech_model(speech_model)
    library = target.open_or_create(rebuild=rebuild)
    run.keeps_index = follow or not target.is_new
    run.created = url_of(target.folder) if target.is_new else None
    new_model = chosen_model(model) if model is not None else None
    again = {"rebuild": True, "model": new_model, "prompt": prompt} if rebuild else {}
    try:
        watcher = ChangeWatcher(paths, run.scan_options(library), interval=interval) if follow else None
        report = run.once(library, retry_failed=retry_failed, **again)
        if watcher is not None:
            run.forever(library, watcher)
    except Exception:
        if run.keeps_index or not target.delete_if_empty(library):
            run.tell_created()
        raise
    except KeyboardInterrupt:
        run.tell_created()
        console.note("Interrupted. Finished files are kept; run the same command again to continue.")
        raise typer.Exit(130) from None
    if not run.keeps(report):
        target.delete_if_empty(library)
        raise run.without_content(report)
    incomplete = report.failed or report.partial or report.absent or report.unheard or report.unread
    raise typer.Exit(1 if incomplete else 0)


@dataclass
class _Run:
    """The indexing runs of one invocation: one, or many with --follow."""

    paths: list[Path]
    options: dict[str, Any]
    json: bool
    follow: bool
    keeps_index: bool = True  # also if nothing was stored
    created: str | None = None  # where the new index is, until that was told; None if there is none

    def keeps(self, report: IndexReport) -> bool:
        """Whether the index stays after this run."""
        return self.keeps_index or bool(report.indexed)

    def without_content(self, report: IndexReport, *, dry_run: bool = False) -> UsageError:
        """The error for a run after which no index stays."""
        places = ", ".join(map(url_of, self.paths))
        nothing = "nothing could be read" if report.failed else f"no videos or images found in {places}"
        return UsageError(f"{nothing}, so no index {'would be' if dry_run else 'was'} created")

    def plan(self, target: Target, *, rebuild: bool, retry_failed: bool) -> typer.Exit:
        """Print what a run would do; the exit with the status that it would have, as far as planning shows.

        Raises:
            UsageError: it would be refused, or leave no index.
        """
        with target.opened_for_planning(rebuild=rebuild) as library:
            report = library.index(
                self.paths, dry_run=True, rebuild=rebuild, retry_failed=retry_failed, **self.options
            )
        assert report.planned is not None  # a dry run always plans
        print_plan(report, report.planned, json=self.json)
        if target.is_new and not report.planned.embed:
            raise self.without_content(report, dry_run=True)
        return typer.Exit(1 if report.failed or report.absent else 0)

    def tell_created(self) -> None:
        """Say where the new index is, once and if there is one."""
        if self.created is not None:
            console.note(f"Created a new index in {self.created}")
        self.created = None

    def scan_options(self, library: Library) -> dict[str, Any]:
        """The options that select files."""
        names = ("include", "exclude", "hidden", "system_folders", "follow_links")
        sound = bool(self.options["speech"]) or library.records.keeps_speech
        return {"sound": sound, **{name: self.options[name] for name in names}}

    def once(self, library: Library, **more: Any) -> IndexReport:
        """Update the index and print a report."""
        with indexing_progress() as on_progress:
            report = library.index(self.paths, on_progress=on_progress, **self.options, **more)
        stored = None
        if self.keeps(report):
            self.tell_created()
            stored = self._stored(library)
        print_report(report, json=self.json, one_line=self.follow, stored=stored)
        return report

    def _stored(self, library: Library) -> set[str]:
        """The paths that `jepa status` lists as failed or partial."""
        return {failure.path for failure in (*library.failures(), *library.partial_files())}

    def forever(self, library: Library, watcher: ChangeWatcher) -> NoReturn:
        """Index changes until the user interrupts it."""
        console.note(f"Watching {console.count(len(self.paths), 'path')} for changes; press Ctrl-C to stop.")
        while True:
            watcher.wait()
            try:
                self.once(library)
            except JepaError as error:  # another writer, a full disk: it may work next time
                console.warning(str(error))
                watcher.forget()
