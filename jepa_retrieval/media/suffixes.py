"""Which file names are taken for media. A file named explicitly is tried whatever its name."""

# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".amv", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264", ".h265", ".hevc",
    ".ivf", ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg", ".mjpg", ".mkv", ".mod", ".mov", ".mp4",
    ".mpe", ".mpeg", ".mpg", ".mpv", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod",
    ".ts", ".vob", ".webm", ".wmv", ".wtv", ".y4m",
})
"""Suffixes of videos; animated GIF counts as video, a GIF of one frame as a picture."""

IMAGE_SUFFIXES = frozenset({
    ".apng", ".avif", ".avifs", ".bmp", ".dib", ".heic", ".heics", ".heif", ".heifs", ".hif", ".ico", ".jfif",
    ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff",
    ".webp",
})
"""Suffixes of photographs and other pictures; WebP, PNG and AVIF may be animated and are then videos."""

# fmt: on

MEDIA_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES

TYPESCRIPT_SUFFIXES = frozenset({".ts", ".mts"})
"""Suffixes that MPEG transport streams share with TypeScript sources."""
