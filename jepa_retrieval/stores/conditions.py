"""Writing an object only if the store's is the known one: each store has a request of its own for that."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from jepa_retrieval.errors import UsageError

Write = Callable[[Any, str, bytes, str], str]
"""Write an object if the store's is the one that has a tag; if that is empty, if there is none.

Takes the fsspec file system, the object's name there, its content, and a tag as of `look`. Returns the new tag.
If the store's is another one, the package's own error is raised, which `patiently` turns into a FileExistsError.
"""


def conditional_write(url: str) -> Write:
    """How the store of an address writes on a condition.

    Raises:
        UsageError: it cannot.
    """
    write = _WRITES.get(url.partition("://")[0])
    if write is None:
        *others, last = (f"{scheme}://" for scheme in _WRITES)
        allowed = f"{', '.join(others)} and {last}"
        raise UsageError(f"{url}: an index can be written to {allowed} only; elsewhere it can be read")
    return write


def _write_to_s3(system: Any, name: str, data: bytes, tag: str) -> str:
    condition = {"IfMatch": f'"{tag}"'} if tag else {"mode": "create"}
    answer = system.pipe_file(name, data, **condition)
    return str(answer["ETag"]).strip('"')


def _write_to_google(system: Any, name: str, data: bytes, tag: str) -> str:
    """An upload of one request, as of the JSON interface; gcsfs itself has only the condition that there is none."""
    bucket, key, _ = system.split_path(name)
    boundary = uuid.uuid4().hex
    parts = (("application/json", json.dumps({"name": key}).encode()), ("application/octet-stream", data))
    body = b"".join(
        f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode() + part + b"\r\n" for kind, part in parts
    )
    answer = system.call(
        "POST",
        f"{system.base.removesuffix('storage/v1/')}upload/storage/v1/b/{{}}/o",
        bucket,
        uploadType="multipart",
        ifGenerationMatch=tag or "0",
        headers={"Content-Type": f"multipart/related; boundary={boundary}"},
        data=body + f"--{boundary}--\r\n".encode(),
        json_out=True,
    )
    return str(answer["generation"])


def _write_to_azure(system: Any, name: str, data: bytes, tag: str) -> str:
    from azure.core import MatchConditions

    known = {"etag": f'"{tag}"', "match_condition": MatchConditions.IfNotModified}
    answer = system.pipe_file(name, data, **known) if tag else system.pipe_file(name, data, overwrite=False)
    return str(answer["etag"]).strip('"')


_WRITES: dict[str, Write] = {"s3": _write_to_s3, "gs": _write_to_google, "az": _write_to_azure}
