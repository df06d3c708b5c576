"""Sources of streams: a file, a network address or a camera, and how libav opens each."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media.reasons import check_regular_file, library_reason
from jepa_retrieval.media.video.formats import (
    FILE_FORMATS,
    FILE_PROTOCOLS,
    NETWORK_FORMATS,
    NETWORK_PROTOCOLS,
)
from jepa_retrieval.source_paths import is_url, path_of, url_of

if TYPE_CHECKING:
    from jepa_retrieval.media.video.container import Video

SourceKind = Literal["file", "network", "camera"]

_CAMERA = "camera:"
_SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp", "srt", "tcp")
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
# A password may hold any character: all up to the last @ may be of it.
_PASSWORD = re.compile(r"^([^/@:?#]*):.*@", re.DOTALL)
_CAMERA_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}


@dataclass(frozen=True, slots=True)
class StreamSource:
    """Where a stream comes from.

    Attributes:
        kind: "file", "network" or "camera".
        address: a path, a URL, or the camera's number or name.
        follow: of a file: it is still being written, so its end is waited for.
        options: libav's options for opening, such as {"rtsp_transport": "udp"}.
    """

    kind: SourceKind
    address: str
    follow: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(
        cls, text: str, *, follow: bool = False, options: Mapping[str, str] | None = None
    ) -> StreamSource:
        """A path, a URL or `camera:0`. A path that exists is a path, whatever it looks like.

        Raises:
            UsageError: the text names none of these.
        """
        options = options or {}
        if not os.path.lexists(text):
            if text.startswith(_CAMERA):
                camera = text.removeprefix(_CAMERA)
                if not camera:
                    raise UsageError("camera: needs a number or a name, such as camera:0")
                return cls("camera", camera, options=options)
            if is_url(text) and not text.startswith("http"):  # of an object store
                if follow:
                    raise UsageError(f"{text}: a file in a store does not grow: leave out --follow")
                return cls("file", str(path_of(text)), options=options)
            address = _ADDRESS.fullmatch(text)
            if address is not None:
                if address[1].lower() not in _SCHEMES:
                    raise UsageError(
                        f"{address[1]}:// cannot be watched (allowed: {', '.join(_SCHEMES)}, a file, camera:0)"
                    )
                return cls("network", text, options=options)
        return cls("file", text, follow=follow, options=options)

    @property
    def name(self) -> str:
        """What messages call it: never with the password."""
        if self.kind == "camera":
            return _CAMERA + self.address
        address = _ADDRESS.fullmatch(self.address) if self.kind == "network" else None
        if address is None:
            return url_of(self.address)
        return f"{address[1]}://" + _PASSWORD.sub(r"\1:***@", address[2])

    def open(self, *, timeout: float) -> Video:
        """Connect, and find the stream of pictures.

        Args:
            timeout: seconds that connecting and every later read may take.

        Raises:
            UnreadableMediaError: it cannot be opened, or has no video.
        """
        import av

        from jepa_retrieval.media.video.container import Video

        if self.kind == "file":
            check_regular_file(Path(self.address))
        address, form, options = self._libav()
        try:
            # libav may wait for as long as it likes in a file, which a slow disk needs
            patience = None if self.kind == "file" and not self.follow else (timeout, timeout)
            container = av.open(
                address,
                format=form,
                options={**options, **self.options},
                metadata_errors="replace",
                timeout=patience,
            )
        except Exception as error:
            missing = self.kind == "camera" and isinstance(error, FileNotFoundError)
            reason = f"there is no such camera ({address})" if missing else stream_reason(error)
            raise UnreadableMediaError(self.name, reason) from error
        return Video(self.name, container)

    def _libav(self) -> tuple[Any, str | None, dict[str, str]]:
        """Address or open file, format and options as libav wants them."""
        from jepa_retrieval.media.video.video_file import libav_source

        if self.kind == "camera":
            return _camera(self.address)
        if self.kind == "network":
            options = {"protocol_whitelist": NETWORK_PROTOCOLS, "format_whitelist": NETWORK_FORMATS}
            if self.address.lower().startswith("rtsp"):
                options["rtsp_transport"] = "tcp"  # UDP loses packets, and many networks block it
            return self.address, None, options
        following = {"follow": "1", "seekable": "0"} if self.follow else {}
        options = {"protocol_whitelist": FILE_PROTOCOLS, "format_whitelist": FILE_FORMATS, **following}
        return libav_source(Path(self.address)), None, options


def _camera(address: str) -> tuple[str, str, dict[str, str]]:
    form = _CAMERA_FORMATS.get(sys.platform)
    if form is None:
        raise UsageError(f"cameras cannot be read on {sys.platform}")
    if form == "v4l2" and address.isdigit():
        address = f"/dev/video{address}"
    elif form == "dshow":
        address = f"video={_named_camera(address)}"
    options = (
        {"framerate": "30"} if form == "avfoundation" else {}
    )  # its own default is one that no camera has
    return address, form, options


def _named_camera(address: str) -> str:
    """DirectShow knows cameras by name only: the name of the one with this number."""
    if not address.isdigit():
        return address
    from av.device import enumerate_input_devices

    cameras = [device.name for device in enumerate_input_devices("dshow") if "video" in device.media_types]
    if int(address) >= len(cameras):
        raise UsageError(
            f"camera:{address}: there are {len(cameras)} cameras: {', '.join(cameras) or 'none'}"
        )
    return cameras[int(address)]


def stream_reason(error: BaseException) -> str:
    """Why a stream could not be opened or read, in a few words."""
    import av

    if isinstance(error, UnreadableMediaError):
        return error.reason
    if isinstance(error, av.error.TimeoutError | av.error.ExitError):
        return "gave no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, av.error.HTTPError):
        return f"the server answers: {(error.strerror or '').removeprefix('Server returned ')}"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, av.error.InvalidDataError):
        return error.strerror[0].lower() + error.strerror[1:]
    return library_reason(error)


def known_length(video: Video) -> float | None:
    """Duration that a source states, seconds; None for an endless one."""
    length = video.duration
    return length if length is not None and math.isfinite(length) else None
