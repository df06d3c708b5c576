"""Files to windows: scan folders, probe files, decode frames at presentation timestamps.

Importing this package is cheap; libav and Pillow are loaded when a file is read.

Every function here that reads one file raises `UnreadableMediaError` when that file cannot be read, whatever the
cause: it is missing, may not be read, vanishes meanwhile, is damaged or is not media. None lets an `OSError` or an
error of a library through. `scan` does not raise for a file: it yields a `ScanProblem`. `DecodePool.run` yields
`Failed`; it raises `MediaError` only if no decoder process can be started.
"""

from jepa_retrieval.media.decoders import Decoder, resolve_decoder
from jepa_retrieval.media.hashing import content_hash, content_tag, head_hash
from jepa_retrieval.media.paths import decode_path, encode_path
from jepa_retrieval.media.probing import probe
from jepa_retrieval.media.scanning import FoundFile, LeftOut, LeftOutReason, Scan, ScanProblem, scan
from jepa_retrieval.media.sources.finding import is_source
from jepa_retrieval.media.sources.opening import is_there
from jepa_retrieval.media.types import (
    Decoded,
    DecodeRequest,
    Event,
    Failed,
    Finished,
    MediaInfo,
    MediaWindow,
    Probed,
    ReadReport,
    Sampling,
)
from jepa_retrieval.media.windows import read_windows
from jepa_retrieval.media.workers.pool import DecodePool
from jepa_retrieval.media.workers.single import decode_windows

__all__ = [
    "DecodePool",
    "DecodeRequest",
    "Decoded",
    "Decoder",
    "Event",
    "Failed",
    "Finished",
    "FoundFile",
    "LeftOut",
    "LeftOutReason",
    "MediaInfo",
    "MediaWindow",
    "Probed",
    "ReadReport",
    "Sampling",
    "Scan",
    "ScanProblem",
    "content_hash",
    "content_tag",
    "decode_path",
    "decode_windows",
    "encode_path",
    "head_hash",
    "is_source",
    "is_there",
    "probe",
    "read_windows",
    "resolve_decoder",
    "scan",
]
