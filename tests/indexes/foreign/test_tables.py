"""Tables from a stranger: values and columns that are not ours are said, or do no harm."""

import shutil

import lance
import numpy as np
import pyarrow as pa
import pytest

from indexes import Index, IndexFormatError
from tests.indexes.foreign.conftest import SIZE, edit_manifest, use_everything, vectors

pytestmark = pytest.mark.long


def replace_table(folder, name, rows, **options):
    shutil.rmtree(folder / name)
    lance.write_dataset(rows, folder / name, **options)
    key = {"media.lance": "media_version", "clips.lance": "clips_version"}[name]
    edit_manifest(folder, lambda content: content["commit"].update({key: 1}))
    shutil.rmtree(folder / "vectors")


def column(rows, name, values):
    at = rows.schema.get_field_index(name)
    return rows.set_column(at, rows.schema.field(at), pa.array(values, rows.schema.field(at).type))


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        *(("media.lance", name, None) for name in ("media_id", "path", "size", "mtime_ns", "kind", "state")),
        *(("media.lance", "path", value) for value in ("", "a\0b")),
        *(("media.lance", name, "other") for name in ("kind", "state")),
        *(("media.lance", "duration", value) for value in (float("nan"), float("inf"), -1e300)),
        *(
            ("clips.lance", name, None)
            for name in ("clip_id", "media_id", "path", "kind", "embedding", "start")
        ),
        *(("clips.lance", "path", value) for value in ("", "a\0b")),
        *(("clips.lance", "start", value) for value in (float("nan"), float("inf"), 1e300)),
        *(("clips.lance", "clip_id", value) for value in (-1, 2**62)),
        *(("clips.lance", "embedding", [value] * SIZE) for value in (float("nan"), 6e4)),
        *(("clips.lance", "window_times", value) for value in (b"123", b"\xff" * 16, b"")),
        *(("clips.lance", "window_embeddings", value) for value in (b"123", b"", None)),
        *(("clips.lance", "token_size", value) for value in (0, -1, 2**31 - 1)),
    ],
)
def test_values_that_are_not_ours_are_said_or_harmless(copy, table, name, value):
    rows = lance.dataset(
        copy / table, version=getattr(Index.open(copy).manifest.commit, f"{table[:5]}_version")
    )
    rows = rows.to_table().slice(0, 4)
    values = rows[name].to_pylist()
    values[1] = value
    replace_table(copy, table, column(rows, name, values))
    use_everything(copy)


def test_tables_of_other_columns_are_refused(copy):
    rows = lance.dataset(copy / "clips.lance").to_table().slice(0, 4)
    for changed in (
        rows.drop_columns("embedding"),
        rows.rename_columns([f"x{n}" for n in range(rows.num_columns)]),
    ):
        shutil.rmtree(copy / "vectors", ignore_errors=True)
        (copy / "vectors").mkdir()
        replace_table(copy, "clips.lance", changed)
        with pytest.raises(IndexFormatError, match="it has no column"):
            Index.open(copy).search(vectors(1), k=1)
    edit_manifest(copy, lambda content: content.update(embedding_size=8))
    with pytest.raises(IndexFormatError, match="it has no column"):
        Index.open(copy).search(np.eye(1, 8, dtype=np.float32), k=1)
