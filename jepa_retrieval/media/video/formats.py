"""Which container formats and protocols libav may use.

Left out is what leads to other files or addresses (playlists, scripts, session descriptions, numbered pictures), what
is no video, and what only old games use.
"""

from __future__ import annotations

FILE_FORMATS = ",".join((
    "apng", "asf", "av1", "avi", "avs2", "avs3", "cavsvideo", "dhav", "dirac", "dv", "evc", "flv", "gif", "gxf",
    "h261", "h263", "h264", "hevc", "ivf", "kux", "lmlm4", "m4v", "matroska", "mjpeg", "mjpeg_2000", "mlv", "mov",
    "mpeg", "mpegts", "mpegvideo", "mxf", "nsv", "nut", "nuv", "obu", "ogg", "pva", "rm", "smjpeg", "ty", "vc1",
    "vc1test", "vivo", "vvc", "webm", "webp", "wtv", "xmv", "yuv4mpegpipe",
    "aac", "ac3", "aiff", "amr", "ape", "au", "caf", "dts", "eac3", "flac", "mp3", "tta", "w64", "wav", "wv",  # sound
))  # fmt: skip
"""Formats of files with video or sound, by libav's names."""

NETWORK_FORMATS = FILE_FORMATS + ",hls,dash,live_flv,mpjpeg,rtp,rtsp,sdp"
"""Formats of network streams: playlists lead to other addresses there, never to a file."""

FILE_PROTOCOLS = "file"

NETWORK_PROTOCOLS = (
    "http,https,httpproxy,tcp,tls,crypto,data,rtp,udp,rtsp,rtsps,srt,srtp,rtmp,rtmps,rtmpt,rtmpts"
)
"""What a network source may lead to: an address in a playlist must not open a local file."""
