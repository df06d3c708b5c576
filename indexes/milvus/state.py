"""Which commit of an index is published: one row, as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from indexes.errors import IndexFormatError, IndexNotFoundError
from indexes.manifest import Manifest, parse_manifest
from indexes.milvus.address import MilvusAddress
from indexes.milvus.client import milvus_errors

MAX_STATE = 65_000  # characters


@dataclass(frozen=True, slots=True)
class PublishedState:
    """What a published index is."""

    manifest: Manifest  # of the commit that is published, or that is being published for the first time
    folder: str  # the index folder that it came from
    collection: str
    complete: bool  # False until the first time that everything is there
    clips: int
    kind: str  # of the vector index: FLAT or HNSW
    calibration: dict[str, Any] | None


def read_state(client: Any, address: MilvusAddress) -> PublishedState | None:
    """The state; None if nothing was published there.

    Raises:
        IndexFormatError: what is there is no state.
    """
    with milvus_errors(address):
        if not client.has_collection(address.state_collection):
            return None
        client.load_collection(address.state_collection)
        rows = client.query(address.state_collection, filter="id == 0", output_fields=["state"])
    if not rows:
        return None
    try:
        content = json.loads(rows[0]["state"])
        manifest = parse_manifest(content.pop("manifest"))
        return PublishedState(manifest=manifest, **content)
    except (ValueError, TypeError, KeyError) as error:
        raise IndexFormatError(f"{address} holds no published index: {error}") from error


def require_state(client: Any, address: MilvusAddress) -> PublishedState:
    """The state of an index that was published.

    Raises:
        IndexNotFoundError: there is none, or it was never completed.
    """
    state = read_state(client, address)
    if state is None:
        raise IndexNotFoundError(f"there is no published index at {address}: jepa publish --to makes one")
    if not state.complete:
        raise IndexNotFoundError(f"the index at {address} is not published whole: run jepa publish again")
    return state


def write_state(client: Any, address: MilvusAddress, state: PublishedState) -> None:
    """Replace the state."""
    from pymilvus import DataType

    content = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    content["manifest"] = {**dataclasses.asdict(state.manifest), "texts": list(state.manifest.texts)}
    text = json.dumps(content)
    if len(text) > MAX_STATE:
        raise IndexFormatError("the prompt of the index is too long for Milvus")
    with milvus_errors(address):
        if not client.has_collection(address.state_collection):
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", DataType.INT64, is_primary=True)
            schema.add_field("state", DataType.VARCHAR, max_length=65_535)
            schema.add_field(
                "unused", DataType.FLOAT_VECTOR, dim=2
            )  # Milvus wants a vector in every collection
            parameters = client.prepare_index_params()
            parameters.add_index("unused", index_type="FLAT", metric_type="IP")
            client.create_collection(
                address.state_collection, schema=schema, index_params=parameters, consistency_level="Strong"
            )
        client.upsert(address.state_collection, [{"id": 0, "state": text, "unused": [0.0, 1.0]}])
