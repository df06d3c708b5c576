"""`verify`: read everything, and report what is wrong with a remedy."""

from __future__ import annotations

import contextlib
import glob
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes import arrays, left_out
from indexes.calibration import FILE_NAME as CALIBRATION
from indexes.calibration import read_calibration
from indexes.errors import DamagedManifestError, IndexStoreError
from indexes.files import abandoned_files
from indexes.left_out import FILE_NAME as LEFT_OUT
from indexes.left_out import NEXT_FILE_NAME as NEXT_LEFT_OUT
from indexes.lock import is_locked
from indexes.manifest import FILE_NAME as MANIFEST
from indexes.manifest import read_manifest
from indexes.reasons import is_file_failure, reason
from indexes.tables import CLIPS, MEDIA, unused_files
from indexes.vectors import build, files, passages
from indexes.vectors.description import FOLDER as VECTORS
from indexes.vectors.description import DamagedVectorsError, read_description
from indexes.vectors.search_settings import SETTINGS_FILE, load_search_settings

if TYPE_CHECKING:
    import lance
    import pyarrow as pa

    from indexes.snapshot import Snapshot

OPTIMIZE = "run `jepa optimize`"
UPDATE = "run `jepa index` again, which also goes on with a run that was interrupted, or `jepa optimize`"
REBUILD = "make the index again with `jepa index --rebuild`"

# float16 rounds a unit vector's length by far less than this.
LENGTH_TOLERANCE = 0.01
# Fewer clips may really be alike.
MIN_CLIPS_TO_JUDGE = 20
MAX_SAME_VECTOR_SHARE = 0.2
MAX_MEAN_COSINE = 0.97
# What `Problem.what` calls embeddings that do not tell clips apart.
CONSTANT, COLLAPSED = "constant embeddings", "collapsed embeddings"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an index."""

    what: str  # "damaged table", "collapsed embeddings", ...
    detail: str
    remedy: str  # one command or action


def find_problems(snapshot: Snapshot) -> list[Problem]:
    """Check the tables, the embeddings and the files for vector search."""
    problems = [
        *_unreadable(snapshot.folder, MEDIA, lambda: snapshot.media_table),
        *_unreadable(snapshot.folder, CLIPS, lambda: snapshot.clips_table),
    ]
    if problems:
        return problems
    import pyarrow.compute as pc

    media = snapshot.media_table.to_table()
    clips = snapshot.clips_table.scanner(
        columns=["clip_id", "media_id", "path", "kind", "embedding"]
    ).to_table()
    problems += _records(media, clips)
    clips = clips.filter(pc.not_equal(clips["kind"], "audio"))  # whose embeddings are zeros
    embeddings = arrays.embeddings(clips).astype(np.float32)
    problems += _embeddings(clips, embeddings)
    problems += _collapse(embeddings[_originals(media, clips)])
    problems += _derived(snapshot)
    problems += _calibration(snapshot)
    problems += _left_out(snapshot)
    problems += _search_settings(snapshot)
    return problems


def manifest_problem(folder: Path) -> Problem | None:
    """What is wrong with the manifest of an index, which then cannot be opened; None if nothing is.

    Raises:
        IndexNotFoundError: there is no index.
        NewerFormatError: it was written by a newer version.
    """
    try:
        read_manifest(folder)
    except DamagedManifestError as error:
        remedy = f"restore {folder / MANIFEST} from a backup, or delete {folder} and run `jepa index` again"
        if not (folder / CLIPS).is_dir():  # a folder of something else, which must not be deleted
            remedy = f"name an index with --index; if {folder} was one, delete it and run `jepa index` again"
        return Problem("damaged manifest", error.fault, remedy)
    return None


def _derived(snapshot: Snapshot) -> list[Problem]:
    """What a running writer may not have finished yet: reported where no writer works, and only if it stays so."""
    before: list[Problem] | None = None
    while not is_locked(snapshot.folder):
        problems = [
            *_uncommitted(snapshot),
            *_unnamed(snapshot),
            *_vectors(snapshot),
            *_passages(snapshot),
            *_other_folders(snapshot.folder),
        ]
        if not problems or problems == before:
            return problems
        before = problems
    return []


def _unreadable(folder: Path, name: str, table: Callable[[], lance.LanceDataset]) -> Iterator[Problem]:
    again = f"delete {folder} and run `jepa index` again"
    try:
        opened = table()
        if name == CLIPS:  # a rebuild opens both tables, and reads the other one
            again = REBUILD
        for _ in opened.to_batches(batch_size=256):
            pass
    except BaseException as error:
        if not isinstance(error, IndexStoreError) and not is_file_failure(error):
            raise
        # The errors of tables name them.
        detail = (
            str(error) if isinstance(error, IndexStoreError) else f"{name} cannot be read: {reason(error)}"
        )
        yield Problem("damaged table", detail, f"restore a backup, or {again}")


def _records(media: pa.Table, clips: pa.Table) -> Iterator[Problem]:
    ids, paths = media["media_id"].to_pylist(), media["path"].to_pylist()
    path_of = dict(zip(ids, paths, strict=True))
    counted = Counter(clips["media_id"].to_pylist())
    orphans = [path for media_id, path in zip(*_pair(clips), strict=True) if media_id not in path_of]
    if orphans:
        yield Problem("clips without a file", f"{len(orphans)} clips, the first of {orphans[0]}", REBUILD)
    wrong = [
        path_of[media_id]
        for media_id, clips_of in zip(ids, media["clips"].to_pylist(), strict=True)
        if counted[media_id] != clips_of
    ]
    if wrong:
        yield Problem("clips are missing", f"{len(wrong)} files, the first is {wrong[0]}", REBUILD)
    stale = {
        path for media_id, path in zip(*_pair(clips), strict=True) if path_of.get(media_id, path) != path
    }
    if stale:
        yield Problem("clips name another path than their file", f"for example {min(stale)}", REBUILD)
    for name, values in (("path", paths), ("clip_id", clips["clip_id"].to_pylist())):
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            yield Problem("stored twice", f"{len(twice)} values of {name}, the first is {twice[0]}", REBUILD)


def _pair(clips: pa.Table) -> tuple[list[int], list[str]]:
    return clips["media_id"].to_pylist(), clips["path"].to_pylist()


def _embeddings(clips: pa.Table, embeddings: np.ndarray) -> Iterator[Problem]:
    if not len(embeddings):
        return
    lengths = np.linalg.norm(embeddings, axis=1)
    finite = np.isfinite(lengths)
    for what, bad in (
        ("embeddings that are not numbers", ~finite),
        ("embeddings that are not of unit length", finite & (np.abs(lengths - 1) > LENGTH_TOLERANCE)),
    ):
        if bad.any():
            first = clips["path"][int(np.argmax(bad))].as_py()
            yield Problem(what, f"{np.count_nonzero(bad)} of {len(bad)} clips, the first of {first}", REBUILD)


def _originals(media: pa.Table, clips: pa.Table) -> np.ndarray:
    """Which clips are not of a copy of another file (copies are expected to be alike), bool [clips]."""
    first: dict[str, int] = {}
    ids, hashes = media["media_id"].to_pylist(), media["content_hash"].to_pylist()
    kept = {
        first.setdefault(digest or str(media_id), media_id)
        for media_id, digest in zip(ids, hashes, strict=True)
    }
    return np.array([media_id in kept for media_id in clips["media_id"].to_pylist()], dtype=bool)


def _collapse(embeddings: np.ndarray) -> Iterator[Problem]:
    """Embeddings that do not distinguish clips: the same for many of them, or all close together."""
    usable = embeddings[np.isfinite(embeddings).all(axis=1)]
    if len(usable) < MIN_CLIPS_TO_JUDGE:
        return
    remedy = f"the model is at fault: check it, then {REBUILD}"
    same = max(Counter(row.tobytes() for row in usable).values())
    # Mean cosine over all pairs of unit vectors is the squared length of their mean.
    mean_cosine = float(np.sum(usable.mean(axis=0) ** 2))
    if same > MAX_SAME_VECTOR_SHARE * len(usable):
        yield Problem(CONSTANT, f"{same} of {len(usable)} clips have exactly the same one", remedy)
    elif mean_cosine > MAX_MEAN_COSINE:
        yield Problem(COLLAPSED, f"the mean cosine of two clips is {mean_cosine:.3f}", remedy)


def _uncommitted(snapshot: Snapshot) -> Iterator[Problem]:
    """What writers left that died or failed."""
    folder, commit = snapshot.folder, snapshot.manifest.commit
    for name, table, version in (
        (MEDIA, snapshot.media_table, commit.media_version),
        (CLIPS, snapshot.clips_table, commit.clips_version),
    ):
        if table.latest_version != version:
            detail = f"{name} has changes that were never committed; searches do not see them"
            yield Problem("unfinished write", detail, f"the next `jepa index` rolls them back, or {OPTIMIZE}")
        else:
            yield from _unused(folder, name, table)
    abandoned = [path.name for path in (*abandoned_files(folder), *abandoned_files(folder / VECTORS))]
    if (folder / NEXT_LEFT_OUT).exists():
        abandoned.append(NEXT_LEFT_OUT)
    if abandoned:
        detail = f"{len(abandoned)} temporary files of writers that died, the first is {abandoned[0]}"
        yield Problem("orphaned files", detail, OPTIMIZE)


def _unused(folder: Path, name: str, table: lance.LanceDataset) -> Iterator[Problem]:
    try:
        unused = unused_files(table, folder / name)
    except BaseException as error:
        if not is_file_failure(error):
            raise
        yield Problem(
            "damaged table",
            f"an older version of {name} cannot be read: {reason(error)}",
            f"restore a backup, or {REBUILD}",
        )
        return
    if unused:
        yield Problem("orphaned files", f"{len(unused)} files in {name}, the first is {unused[0]}", OPTIMIZE)


def _unnamed(snapshot: Snapshot) -> Iterator[Problem]:
    """Files in `vectors/` that nothing refers to: they only waste space."""
    folder, manifest = snapshot.folder, snapshot.manifest
    with contextlib.suppress(DamagedVectorsError, OSError):  # `_vectors` reports these
        description = read_description(
            folder, index_id=manifest.index_id, embedding_size=manifest.embedding_size
        )
        if unnamed := [
            name for name in files.unnamed_files(folder, description) if not name.endswith(".tmp")
        ]:
            detail = f"{len(unnamed)} files in {folder.name}/vectors, the first is {unnamed[0]}"
            yield Problem("orphaned files", detail, OPTIMIZE)


def _other_folders(folder: Path) -> Iterator[Problem]:
    """Folders beside the index that a rebuild left."""
    for other in sorted(folder.parent.glob(f"{glob.escape(folder.name)}.*")):
        if is_locked(other):
            continue
        if other.name == f"{folder.name}.rebuilding":
            yield Problem(
                "unfinished rebuild", str(other), "run `jepa index --rebuild` to go on, or delete the folder"
            )
        elif other.name.startswith(f"{folder.name}.replaced-"):
            yield Problem("orphaned index", f"{other} was replaced by a rebuild", "delete the folder")


def _calibration(snapshot: Snapshot) -> Iterator[Problem]:
    if (snapshot.folder / CALIBRATION).exists() and read_calibration(
        snapshot.folder, snapshot.manifest
    ) is None:
        detail = f"{CALIBRATION} is damaged or of another fingerprint; every search measures for itself"
        yield Problem("wrong calibration", detail, OPTIMIZE)


def _left_out(snapshot: Snapshot) -> Iterator[Problem]:
    try:
        left_out.load(snapshot.folder, snapshot.manifest)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        detail = f"{LEFT_OUT}: {reason(error)}; which files were left out is not known"
        yield Problem("wrong list of left-out files", detail, "run `jepa index` again")


def _search_settings(snapshot: Snapshot) -> Iterator[Problem]:
    try:
        load_search_settings(snapshot.folder)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        detail = f"{SETTINGS_FILE}: {reason(error)}; the default settings are used"
        yield Problem("wrong search settings", detail, f"{OPTIMIZE} with the settings that you want")


def _passages(snapshot: Snapshot) -> Iterator[Problem]:
    try:
        passages.check(snapshot.folder, snapshot.manifest)
    except DamagedVectorsError as error:
        detail = f"{error}; what is said and written is found by its words only"
        yield Problem("missing or damaged vectors of words", detail, "run `jepa index` again")


def _vectors(snapshot: Snapshot) -> Iterator[Problem]:
    folder, manifest = snapshot.folder, snapshot.manifest
    try:
        loaded = build.load_fresh(folder, manifest)
        if loaded is None:
            detail = (
                "it does not have the newest clips, as after a run that was killed; they are found all the same, but "
                "searches are slower"
            )
            yield Problem("stale vector index", detail, UPDATE)
            return
        build.check_unread(folder, loaded)
    except DamagedVectorsError as error:
        yield Problem("missing or damaged vector index", f"{error}; searches are slower", UPDATE)
        return
    expected = build.load_table(snapshot.clips_table, manifest.embedding_size)
    same = len(expected.hits) == len(loaded.hits) and np.array_equal(
        loaded.embeddings[loaded.hits.hits["row"]], expected.embeddings, equal_nan=True
    )
    if not same:
        yield Problem("wrong vector index", f"{Path(folder).name}/vectors differs from the table", OPTIMIZE)
