"""Publishing: the clips of an index become rows of a Milvus collection, as far as they are not there already."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from indexes.milvus.address import MilvusAddress
from indexes.milvus.client import connect, milvus_errors
from indexes.milvus.rows import collection_schema, digests, rows_of, stored_columns
from indexes.milvus.state import PublishedState, read_state, write_state
from indexes.schema import text_filter_columns
from indexes.store import Index

BATCH = 500  # clips of one request: with their windows far below the 64 MB that Milvus takes
READ_TOGETHER = 10_000  # clip_ids; Milvus returns at most 16,384 rows
MAX_FLAT_CLIPS = 100_000  # more are searched approximately
HNSW = {"M": 24, "efConstruction": 200}

OnProgress = Callable[[int, int], None]  # clips that are done, of how many


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What was published."""

    address: str
    clips: int  # that are there now
    added: int
    changed: int
    removed: int
    unchanged: int


def publish(index: Index, address: MilvusAddress, *, on_progress: OnProgress | None = None) -> PublishReport:
    """Bring a published index up to the commit that `index` reads; what is there already is not sent again.

    It can be interrupted at any time: the next call goes on.

    Raises:
        IndexStoreError: Milvus does not answer, or refuses something.
    """
    client = connect(address, create=True)
    try:
        return _publish(client, index, address, on_progress or (lambda done, total: None))
    finally:
        client.close()


def _publish(client: Any, index: Index, address: MilvusAddress, on_progress: OnProgress) -> PublishReport:
    clips, manifest = index.count_clips(), index.manifest
    old = read_state(client, address)
    kind = "FLAT" if clips <= MAX_FLAT_CLIPS else "HNSW"
    collection = address.clips_collection(manifest.index_id)
    if manifest.texts:
        collection += "_" + "_".join(manifest.texts)  # other columns
    new = PublishedState(manifest, str(index.folder), collection, True, clips, kind, index.calibration())
    if old is not None and _is_same(old, new):
        return PublishReport(str(address), clips, 0, 0, 0, clips)
    if old is None or not old.complete:
        write_state(client, address, dataclasses.replace(new, complete=False))
    columns = stored_columns(text_filter_columns(index.manifest.texts))
    with milvus_errors(address):
        _prepare(client, collection, index, kind)
        there = _digests_there(client, collection, manifest.commit.next_clip_id)
        wanted = _digests_of(index, columns)
        gone = sorted(there.keys() - wanted.keys())
        added = sorted(wanted.keys() - there.keys())
        changed = sorted(clip for clip in wanted.keys() & there.keys() if wanted[clip] != there[clip])
        total = len(gone) + len(added) + len(changed)
        done = 0
        for at in range(0, len(gone), 10 * BATCH):
            part = gone[at : at + 10 * BATCH]
            client.delete(collection, ids=part)
            on_progress(done := done + len(part), total)
        for ids, send in ((changed, client.upsert), (added, client.insert)):
            for at in range(0, len(ids), BATCH):
                part = ids[at : at + BATCH]
                rows = _rows(index, part, columns)
                send(collection, [{**row, "digest": wanted[row["clip_id"]]} for row in rows])
                on_progress(done := done + len(part), total)
        client.flush(collection)
    write_state(client, address, new)
    if old is not None and old.collection != collection:
        with milvus_errors(address):
            client.drop_collection(old.collection)
    return PublishReport(
        str(address), clips, len(added), len(changed), len(gone), clips - len(added) - len(changed)
    )


def _is_same(old: PublishedState, new: PublishedState) -> bool:
    """Whether nothing is to do; compaction changes versions of tables, not what is in them."""
    commits = (old.manifest.commit.number, new.manifest.commit.number)
    return (
        old.complete and commits[0] == commits[1] and old == dataclasses.replace(new, manifest=old.manifest)
    )


def _prepare(client: Any, collection: str, index: Index, kind: str) -> None:
    """Make the collection, or give it the right vector index."""
    parameters = client.prepare_index_params()
    parameters.add_index(
        "embedding", index_type=kind, metric_type="IP", params=HNSW if kind == "HNSW" else {}
    )
    if not client.has_collection(collection):
        schema = collection_schema(
            client, index.manifest.embedding_size, text_filter_columns(index.manifest.texts)
        )
        client.create_collection(
            collection, schema=schema, index_params=parameters, consistency_level="Strong"
        )
    elif client.describe_index(collection, "embedding")["index_type"] != kind:
        client.release_collection(collection)
        client.drop_index(collection, "embedding")
        client.create_index(collection, parameters)
    client.load_collection(collection)


def _digests_there(client: Any, collection: str, next_clip_id: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for at in range(0, next_clip_id, READ_TOGETHER):
        condition = f"clip_id >= {at} and clip_id < {at + READ_TOGETHER}"
        rows = client.query(
            collection, filter=condition, output_fields=["clip_id", "digest"], limit=READ_TOGETHER
        )
        found.update((int(row["clip_id"]), int(row["digest"])) for row in rows)
    return found


def _digests_of(index: Index, columns: Sequence[str]) -> dict[int, int]:
    found: dict[int, int] = {}
    for batch in index.iter_clips(columns=columns, batch_size=8_192):
        batch = batch.select(list(columns))
        found.update(zip(batch["clip_id"].to_pylist(), digests(batch), strict=True))
    return found


def _rows(index: Index, clip_ids: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    table = index.clips(clip_ids, columns=[*columns, "embedding", "window_times", "window_embeddings"])
    return rows_of(table, columns, index.manifest.embedding_size)
