"""Pictures that clients send: decoded in a worker process within limits, and embedded.

A data URL is the only form. An address on a network is refused: a server that fetches what it is told to can be used
to reach what the client cannot.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import Decoded, DecodePool, Failed, MediaWindow, Probed
from jepa_retrieval.media.limits import size_problem
from jepa_retrieval.models.parts import Model
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.tasks.encoding.files import decode_request, encode_windows

MAX_UPLOAD_BYTES = 24 * 2**20
MAX_UPLOAD_PIXELS = 2**26  # 8,192 x 8,192
MAX_UPLOAD_SECONDS = 20.0  # that decoding may take
MAX_WINDOWS = 8  # of an animated picture
MAX_REMEMBERED = 512  # embeddings: a client that pages or filters sends the same picture again


def picture_of(url: str) -> bytes:
    """The picture in a data URL (RFC 2397).

    Raises:
        ProblemError: it is another kind of URL, not valid, or too large.
    """
    head, comma, body = url.partition(",")
    if not head.lower().startswith("data:"):
        raise ProblemError(
            422, "a picture must be a data URL: data:image/jpeg;base64,...; nothing is fetched"
        )
    if not comma:
        raise ProblemError(422, "the data URL has no comma")
    if len(body) > 3 * MAX_UPLOAD_BYTES:
        raise ProblemError(413, f"the picture is larger than {MAX_UPLOAD_BYTES:,} bytes")
    try:
        if head.lower().endswith(";base64"):
            content = base64.b64decode(unquote_to_bytes(body), validate=True)
        else:
            content = unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        raise ProblemError(422, "the data URL is not valid base64") from None
    if len(content) > MAX_UPLOAD_BYTES:
        raise ProblemError(413, f"the picture is larger than {MAX_UPLOAD_BYTES:,} bytes")
    if not content:
        raise ProblemError(422, "the picture is empty")
    return content


class UploadedPictures:
    """Embeds pictures; equal ones once."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, str, bytes], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()  # one picture at a time: each takes all cores

    def embed(self, content: bytes, model: Model, *, prompt: str | None = None) -> np.ndarray:
        """A picture in the shared space: float32 [E], unit length. Call it in a thread.

        Raises:
            UnreadableMediaError: it cannot be decoded within the limits.
        """
        key = (id(model), model.prompt if prompt is None else prompt, hashlib.sha256(content).digest())
        with self._lock:
            if key not in self._known:
                self._known[key] = _embed(content, model, prompt)
            self._known.move_to_end(key)
            while len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
            return self._known[key]


def _embed(content: bytes, model: Model, prompt: str | None) -> np.ndarray:
    with tempfile.TemporaryDirectory(prefix="jepa-upload-") as folder:
        path = Path(folder) / "picture"
        path.write_bytes(content)
        return encode_windows(_windows(path, model), model, prompt=prompt)[0]


def _windows(path: Path, model: Model) -> Iterator[MediaWindow]:
    """The first windows of a picture; the worker is ended if it takes too long."""
    request = decode_request(path, model, hash_content=False)
    count = 0
    with DecodePool(workers=1) as pool:
        timer = threading.Timer(MAX_UPLOAD_SECONDS, pool.close)
        timer.daemon = True
        timer.start()
        try:
            for event in pool.run([replace(request, thumbnails=False)]):
                match event:
                    case Probed(info=info):
                        _check_size(path, info.width, info.height)
                    case Failed(reason=reason):
                        raise UnreadableMediaError(path, reason)
                    case Decoded(windows=windows):
                        taken = windows[: MAX_WINDOWS - count]
                        count += len(taken)
                        yield from taken
                        if count == MAX_WINDOWS:
                            return
        finally:
            timer.cancel()
    if not count:
        raise UnreadableMediaError(path, f"cannot be decoded within {MAX_UPLOAD_SECONDS:g} seconds")


def _check_size(path: Path, width: int, height: int) -> None:
    if problem := size_problem(width, height):
        raise UnreadableMediaError(path, problem)
    if width * height > MAX_UPLOAD_PIXELS:
        reason = f"its picture of {width} x {height} pixels is larger than the limit of {MAX_UPLOAD_PIXELS:,} pixels"
        raise UnreadableMediaError(path, reason)
