"""Vectors of what is said and written, to find it in other words: `passages.json` and the files that it names.

Each different text has one vector, and a table says in which lines of which clips the text is. Unlike the other files
here, these cannot be rebuilt from the tables alone: the caller of `update` provides what turns texts into vectors.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes.files import write_atomically
from indexes.reasons import reason
from indexes.records import PASSAGE_SENSES
from indexes.untrusted import read_json_object
from indexes.vectors import files
from indexes.vectors.description import FOLDER, DamagedVectorsError, DerivedFile, parse_file

if TYPE_CHECKING:
    from indexes.manifest import Manifest
    from indexes.records import Passage

DESCRIPTION = "passages.json"
FORMAT_VERSION = 1
MAX_BYTES = 65_536

PLACE_DTYPE = np.dtype(
    [
        ("row", "<i4"),  # of its vector
        ("sense", "u1"),  # position in PASSAGE_SENSES
        ("key", "<u8"),  # of its text
        ("clip_id", "<i8"),
        ("first", "<i4"),  # line of the clip's text
        ("lines", "<i4"),
    ]
)
# Vectors of texts that are no longer there stay in the file. It is written anew when they exceed this share.
MAX_UNUSED_SHARE = 0.25
MAX_BYTES_CHECKED = 100_000_000  # of vectors, when they are read to be searched
_BATCH = 1024  # passages that are encoded together
_SAVED_AFTER = 16_384  # new vectors, so that a run that is killed goes on from there
_COPIED_AT_ONCE = 65_536  # rows

# Texts to float32 [n, E]; zeros for a text that is never to be found.
Encode = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True, slots=True)
class PassageFiles:
    """Content of `passages.json`."""

    index_id: str
    fingerprint: str  # of the model whose Y-Encoder made the vectors
    embedding_size: int
    commit: int  # that they are complete for; -1: for none
    vectors: DerivedFile  # float16 [rows, E], raw; rows are only appended
    places: DerivedFile  # PLACE_DTYPE [places]


@dataclass(frozen=True, slots=True, eq=False)
class PassageTable:
    """All passages, mapped from disk."""

    described: PassageFiles
    places: np.ndarray  # PLACE_DTYPE, ordered by all of its fields
    vectors: np.ndarray  # float16 [rows, E]

    def chosen(self, senses: Sequence[str], clip_ids: np.ndarray | None) -> np.ndarray:
        """The places of some senses, in some clips (None: in all)."""
        wanted = np.isin(self.places["sense"], [PASSAGE_SENSES.index(sense) for sense in senses])
        if clip_ids is not None:
            wanted &= np.isin(self.places["clip_id"], clip_ids)
        return self.places[wanted]


def key_of(text: str) -> int:
    """What a text is known by: the first 64 bits of its BLAKE2b hash."""
    return int.from_bytes(
        hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "little"
    )


def is_current(folder: Path, manifest: Manifest) -> bool:
    """Whether they are complete for the manifest's commit, and undamaged: if they are, all of them are read."""
    try:
        if _describe(folder, manifest).commit != manifest.commit.number:
            return False
        load(folder, manifest, check_all=True)
    except DamagedVectorsError:
        return False
    return True


def load(folder: Path, manifest: Manifest, *, check_all: bool = False) -> PassageTable:
    """The stored passages, of this commit or another.

    Args:
        folder: of the index.
        manifest: of the index.
        check_all: compare the checksum of a large file of vectors, too.

    Raises:
        DamagedVectorsError: there are none, of this model at least, or a file is damaged.
    """
    described = _describe(folder, manifest)
    places = np.frombuffer(files.read_file(folder, described.places), PLACE_DTYPE)
    rows = described.vectors.rows
    if len(places) and (
        places["row"].min() < 0
        or places["row"].max() >= rows
        or places["sense"].max() >= len(PASSAGE_SENSES)
        or places["first"].min() < 0
        or places["lines"].min() < 1
    ):
        raise DamagedVectorsError(f"{described.places.file} is damaged: a value is out of range")
    if check_all or described.vectors.bytes <= MAX_BYTES_CHECKED:
        files.check_file(folder, described.vectors)
    vectors = files.map_rows(folder, described.vectors, np.dtype(("<f2", described.embedding_size)))
    return PassageTable(described, places, vectors)


def update(
    folder: Path, manifest: Manifest, passages: Iterable[Passage], encode: Encode, *, commit: int
) -> bool:
    """Store the vectors of passages, and forget all others. Texts whose vectors are stored are not encoded again.

    Args:
        folder: of the index.
        manifest: of the index.
        passages: all that there are.
        encode: turns texts into vectors.
        commit: the number of the commit that they are complete for, if anything has changed.

    Returns:
        Whether anything has changed; if not, what is stored is complete for the manifest's commit.

    Raises:
        OSError: the files cannot be written.
    """
    (folder / FOLDER).mkdir(exist_ok=True)
    before, known = _reusable(folder, manifest)
    described = before.described if before is not None else _new(folder, manifest)
    found: list[np.ndarray] = []
    saved = described.vectors.rows
    remaining = iter(passages)
    while batch := list(islice(remaining, _BATCH)):
        keys = [key_of(passage.text) for passage in batch]
        new = {key: passage.text for key, passage in zip(keys, batch, strict=True) if key not in known}
        if new:
            known |= zip(new, range(described.vectors.rows, described.vectors.rows + len(new)), strict=True)
            vectors = np.ascontiguousarray(encode(list(new.values())), "<f2")
            described = replace(described, vectors=files.append_rows(folder, described.vectors, vectors))
        found.append(_places(batch, keys, known))
        if described.vectors.rows - saved >= _SAVED_AFTER:
            old = [] if before is None else [before.places]
            described = _save(folder, replace(described, commit=-1), np.concatenate([*old, *found]))
            saved = described.vectors.rows
    places = np.unique(np.concatenate([*found, np.zeros(0, PLACE_DTYPE)]))
    if before is not None and np.array_equal(places, before.places):
        if described.commit != manifest.commit.number:
            _write(folder, replace(described, commit=manifest.commit.number))
        return False
    vectors_file, places = _compacted(folder, described, places)
    _save(folder, replace(described, commit=commit, vectors=vectors_file), places)
    return True


def check(folder: Path, manifest: Manifest) -> None:
    """Read all that is stored; it is right to have nothing stored.

    Raises:
        DamagedVectorsError: a file is missing or damaged.
    """
    if (folder / FOLDER / DESCRIPTION).exists():
        load(folder, manifest, check_all=True)


def _reusable(folder: Path, manifest: Manifest) -> tuple[PassageTable | None, dict[int, int]]:
    """What is stored, and the row of each text by its key."""
    try:
        before = load(folder, manifest, check_all=True)
    except DamagedVectorsError:
        return None, {}
    return before, dict(zip(before.places["key"].tolist(), before.places["row"].tolist(), strict=True))


def _new(folder: Path, manifest: Manifest) -> PassageFiles:
    nothing = DerivedFile(f"passages-{uuid.uuid4().hex[:8]}.f16", 0, 0, 0)
    vectors = files.append_embeddings(folder, nothing, np.zeros((0, manifest.embedding_size), np.float16))
    return PassageFiles(
        manifest.index_id,
        manifest.fingerprint,
        manifest.embedding_size,
        -1,
        vectors,
        DerivedFile("none", 0, 0, 0),
    )


def _places(batch: Sequence[Passage], keys: Sequence[int], known: dict[int, int]) -> np.ndarray:
    return np.array(
        [
            (known[key], PASSAGE_SENSES.index(one.sense), key, one.clip_id, one.first_line, one.lines)
            for key, one in zip(keys, batch, strict=True)
        ],
        PLACE_DTYPE,
    )


def _compacted(folder: Path, described: PassageFiles, places: np.ndarray) -> tuple[DerivedFile, np.ndarray]:
    """The same vectors and places without rows that no place has, if there are many of them."""
    used = np.unique(places["row"])
    stored = described.vectors
    if stored.rows - len(used) <= MAX_UNUSED_SHARE * stored.rows:
        return stored, places
    vectors = files.map_rows(folder, stored, np.dtype(("<f2", described.embedding_size)))
    copy = DerivedFile(f"passages-{uuid.uuid4().hex[:8]}.f16", 0, 0, 0)
    copy = files.append_embeddings(folder, copy, np.zeros((0, described.embedding_size), np.float16))
    for at in range(0, len(used), _COPIED_AT_ONCE):
        copy = files.append_embeddings(folder, copy, vectors[used[at : at + _COPIED_AT_ONCE]])
    moved = places.copy()
    moved["row"] = np.searchsorted(used, places["row"])
    return copy, np.unique(moved)


def _save(folder: Path, described: PassageFiles, places: np.ndarray) -> PassageFiles:
    """Write places, and make them and the vectors what readers see; files that nothing names any more are deleted."""
    name = f"places-{uuid.uuid4().hex[:8]}.bin"
    written = files.write_file(folder, name, np.ascontiguousarray(places).tobytes(), rows=len(places))
    described = replace(described, places=written)
    _write(folder, described)
    kept = {described.vectors.file, described.places.file}
    for pattern in ("passages-*.f16", "places-*.bin"):
        for path in (folder / FOLDER).glob(pattern):
            if path.name not in kept:
                files.delete_quietly(path)
    return described


def _write(folder: Path, described: PassageFiles) -> None:
    content = json.dumps({"format_version": FORMAT_VERSION, **asdict(described)}, indent=2).encode()
    write_atomically(folder / FOLDER / DESCRIPTION, content, durable=False)


def _describe(folder: Path, manifest: Manifest) -> PassageFiles:
    path = folder / FOLDER / DESCRIPTION
    try:
        fields = read_json_object(path, max_bytes=MAX_BYTES)
        if fields.value("format_version") != FORMAT_VERSION:
            raise ValueError("it has another format")
        size = fields.integer("embedding_size", low=1)
        found = (fields.value("index_id"), fields.value("fingerprint"), size)
        if found != (manifest.index_id, manifest.fingerprint, manifest.embedding_size):
            raise ValueError("it belongs to another index or model")
        return PassageFiles(
            index_id=manifest.index_id,
            fingerprint=manifest.fingerprint,
            embedding_size=size,
            commit=fields.integer("commit", low=-1),
            vectors=parse_file(fields.fields("vectors"), row_bytes=2 * size),
            places=parse_file(fields.fields("places"), row_bytes=PLACE_DTYPE.itemsize),
        )
    except FileNotFoundError:
        raise DamagedVectorsError(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        raise DamagedVectorsError(f"{path} is damaged: {reason(error)}") from error
