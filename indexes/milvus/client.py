"""The connection to Milvus, with its errors as those of an index."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from indexes.errors import IndexNotFoundError, IndexStoreError
from indexes.milvus.address import MilvusAddress

TOKEN_VARIABLE = "MILVUS_TOKEN"
TIMEOUT = 30.0  # seconds that one request may take


def connect(address: MilvusAddress, *, create: bool = False) -> Any:
    """A `pymilvus.MilvusClient`.

    Args:
        create: whether a missing file is made.

    Raises:
        IndexStoreError: packages are missing, or the server does not answer.
        IndexNotFoundError: there is no such file.
    """
    needed = ["pymilvus", "milvus_lite"] if address.is_file else ["pymilvus"]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        extra = "'jepa-retrieval[milvus]'"
        install = " ".join([extra if name == "pymilvus" else "milvus-lite" for name in missing])
        raise IndexStoreError(
            f"{address} needs packages that are not installed ({', '.join(missing)}): pip install {install}"
        )
    if address.is_file and not create and not Path(address.uri).exists():
        raise IndexNotFoundError(f"there is no published index at {address}: no such file")
    from pymilvus import MilvusClient

    # What fails is raised as well. Milvus Lite serves in this process, and logs requests that it does not know.
    for name in ("pymilvus", *(["grpc._server"] if address.is_file else [])):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with milvus_errors(address):
        return MilvusClient(
            uri=address.uri,
            token=os.environ.get(TOKEN_VARIABLE, ""),
            db_name=address.database,
            timeout=TIMEOUT,
        )


@contextmanager
def milvus_errors(address: MilvusAddress) -> Iterator[None]:
    """What Milvus raises becomes an error that names the address.

    Raises:
        IndexStoreError: a request failed.
    """
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        said = str(getattr(error, "message", "") or error).splitlines()[0][:300]
        raise IndexStoreError(f"{address} does not answer: {said}") from error
    except OSError as error:
        raise IndexStoreError(f"{address} does not answer: {error.strerror or error}") from error
