"""Which library decodes videos: its name, as an option or in the environment."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Literal, get_args

from jepa_retrieval.errors import UsageError

Decoder = Literal["auto", "pyav", "decord", "torchcodec", "nvdec"]
DECODERS: tuple[str, ...] = get_args(Decoder)
DECODER_VARIABLE = "JEPA_DECODER"

_INSTALL = {
    "decord": "pip install decord (Linux x86_64)",
    "torchcodec": "pip install torchcodec, and FFmpeg's libraries, such as apt-get install ffmpeg",
}
_INSTALL["nvdec"] = _INSTALL["torchcodec"]
_PACKAGES = {"nvdec": "torchcodec"}  # where it is named otherwise


def resolve_decoder(name: str) -> Decoder:
    """The decoder to use: "auto" stands for the one that $JEPA_DECODER names, or PyAV.

    Raises:
        UsageError: there is no such decoder, or it is not installed.
    """
    source = "decoder"
    if name == "auto" and (named := os.environ.get(DECODER_VARIABLE)):
        name, source = named, f"${DECODER_VARIABLE}"
    if name not in DECODERS:
        raise UsageError(f"{source} must be one of {', '.join(DECODERS)}, not {name!r}")
    if name == "auto":
        return "pyav"
    if name in _INSTALL and find_spec(_PACKAGES.get(name, name)) is None:
        raise UsageError(not_installed(name))
    chosen: Decoder = name  # type: ignore[assignment]  # checked above
    return chosen


def not_installed(name: str) -> str:
    """What to say of a decoder that is not there."""
    return f"the decoder {name} is not installed: {_INSTALL[name]}; or use the decoder pyav"
