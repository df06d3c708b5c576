"""The one form that every data format is read into."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from pathlib import Path

from jepa_retrieval.errors import UsageError


@dataclass(frozen=True, slots=True)
class Visual:
    """An image or an interval of a video: what becomes S_V."""

    path: str
    member: str = ""  # name inside `path` when that is a tar shard
    start: float | None = None  # seconds; None: from the beginning
    end: float | None = None  # seconds; None: to the end

    @property
    def name(self) -> str:
        """The file name, by which splits are made."""
        return Path(self.member or self.path).name


@dataclass(frozen=True, slots=True)
class Example:
    """A visual, a query X_Q and the texts Y that are right for them."""

    visual: int  # row of Source.visuals
    query: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class StreamedShards:
    """WebDataset shards that are read as a stream, in training alone."""

    shards: tuple[str, ...]
    query: str = ""
    buffer: int = 1000  # samples that each reader shuffles
    names: frozenset[str] | None = None  # file names or stems of media; None: all
    hold_out: float = 0.0
    part: str = "kept"

    @property
    def chooses_all(self) -> bool:
        """Whether every sample is used."""
        return self.names is None and not self.hold_out

    def wants(self, name: str) -> bool:
        """Whether a medium is one of those that `names` and `hold_out` choose."""
        return is_chosen(name, names=self.names, hold_out=self.hold_out, part=self.part)


@dataclass(frozen=True)
class Source:
    """The examples of one source."""

    name: str
    visuals: tuple[Visual, ...]
    examples: tuple[Example, ...]
    stream: StreamedShards | None = (
        None  # shards that are read as a stream; there is no list of examples then
    )
    ready_tokens: Path | None = None  # a .npy of S_V [visuals, views, N, D], when there is nothing to decode


class SourceBuilder:
    """Collects examples; equal visuals share a row."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: dict[Visual, int] = {}
        self._examples: list[Example] = []

    def add(self, visual: Visual, query: str, targets: Iterable[str]) -> None:
        """Add an example; blank targets are left out, and so is an example without any."""
        texts = tuple(text for text in (" ".join(target.split()) for target in targets) if text)
        if texts:
            row = self._rows.setdefault(visual, len(self._rows))
            self._examples.append(Example(row, query, texts))

    def build(self) -> Source:
        """The source, with all that was added."""
        return Source(self._name, tuple(self._rows), tuple(self._examples))


def select(source: Source, *, names: set[str] | None, hold_out: float, part: str, limit: int) -> Source:
    """Keep the examples whose media are wanted; visuals that no example uses go.

    `names` are file names or stems. `hold_out` sets a fraction of the media aside by a hash of their names, so that
    the two parts are the same in every run and on every machine, and no visual is in both.
    """
    if source.ready_tokens is not None and (names is not None or hold_out):
        raise UsageError(f"source {source.name!r}: ready-made tokens have no media names to select by")
    wanted = [is_chosen(visual.name, names=names, hold_out=hold_out, part=part) for visual in source.visuals]
    examples = [example for example in source.examples if wanted[example.visual]]
    examples = examples[:limit] if limit else examples
    if not examples:
        raise UsageError(f"source {source.name!r}: no example is left after names, hold_out and limit")
    if source.ready_tokens is not None:
        return replace(source, examples=tuple(examples))
    rows = {row: new for new, row in enumerate(sorted({example.visual for example in examples}))}
    return Source(
        source.name,
        tuple(source.visuals[row] for row in rows),
        tuple(replace(example, visual=rows[example.visual]) for example in examples),
    )


def is_chosen(name: str, *, names: Set[str] | None, hold_out: float, part: str) -> bool:
    """Whether a media file is one of `names` (file names or stems) and on the right side of `hold_out`."""
    if names is not None and name not in names and Path(name).stem not in names:
        return False
    return not hold_out or held_out(name, hold_out) == (part == "held-out")


def held_out(name: str, fraction: float) -> bool:
    """Whether the media file `name` belongs to the `fraction` that is set aside."""
    digest = hashlib.sha256(Path(name).stem.encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < fraction


class MediaFolder:
    """Finds the files that annotations name: by their path, else by their stem, for re-encoded copies."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"{folder}: there is no such folder of media")
        self._folder = folder
        self._by_stem: dict[str, Path] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self._by_stem.setdefault(path.stem, path)

    def find(self, name: str) -> Path | None:
        """The file for `name`, or None."""
        exact = self._folder / name
        try:
            found = exact.is_file()
        except OSError:  # a name that no file can have
            found = False
        return exact if found else self._by_stem.get(Path(name).stem)
