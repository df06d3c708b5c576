"""Which file names are taken for media. A file that is named as a root is tried whatever its name."""

# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".264", ".265", ".3g2", ".3gp", ".3gpp", ".amv", ".asf", ".avc", ".avi", ".dav", ".divx", ".dv", ".evo", ".f4v",
    ".flv", ".gif", ".h264", ".h265", ".hevc", ".insv", ".ivf", ".lrv", ".m1v", ".m2p", ".m2t", ".m2ts", ".m2v",
    ".m4v", ".mj2", ".mjpeg", ".mjpg", ".mk3d", ".mkv", ".mod", ".mov", ".mp4", ".mpe", ".mpeg", ".mpeg4", ".mpg",
    ".mpg4", ".mpv", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".tp", ".trp", ".ts",
    ".vob", ".vro", ".webm", ".wm", ".wmv", ".wtv", ".xvid", ".y4m",
})
"""Suffixes of videos; animated GIF counts as video, a GIF of one frame as a picture."""

RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef", ".mos",
    ".mrw", ".nef", ".nrw", ".orf", ".pef", ".ptx", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})
"""Suffixes of RAW photographs, of which the embedded preview is read."""

IMAGE_SUFFIXES = RAW_SUFFIXES | frozenset({
    ".apng", ".avif", ".avifs", ".bmp", ".dib", ".heic", ".heics", ".heif", ".heifs", ".hif", ".ico", ".insp",
    ".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm",
    ".png", ".pnm", ".ppm", ".psd", ".qoi", ".tga", ".tif", ".tiff", ".webp",
})
"""Suffixes of photographs and other pictures; WebP, PNG and AVIF may be animated and are then videos."""

AUDIO_SUFFIXES = frozenset({
    ".3ga", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".awb", ".caf", ".dts", ".eac3",
    ".flac", ".m4a", ".m4b", ".m4p", ".m4r", ".mka", ".mp2", ".mp3", ".oga", ".ogg", ".opus", ".ra", ".snd", ".spx",
    ".tta", ".w64", ".wav", ".weba", ".wma", ".wv",
})
"""Suffixes of sound. It is taken where what is said in it is wanted, and else left out."""

OTHER_SUFFIXES = frozenset({
    ".7z", ".a", ".ass", ".bak", ".bat", ".bin", ".bz2", ".c", ".cfg", ".class", ".conf", ".cpp", ".cs", ".css",
    ".csv", ".db", ".dll", ".doc", ".docx", ".eps", ".epub", ".exe", ".gitignore", ".go", ".gz", ".h", ".hpp",
    ".htm", ".html", ".idx", ".ini", ".ipynb", ".iso", ".jar", ".java", ".js", ".json", ".jsonl", ".jsx", ".lock",
    ".log", ".lrc", ".lua", ".m3u", ".m3u8", ".md", ".mid", ".midi", ".mpd", ".msi", ".nfo", ".npy", ".npz", ".o",
    ".odt", ".ods", ".otf", ".parquet", ".pdf", ".php", ".pl", ".pls", ".pptx", ".ps", ".pt", ".pth", ".py", ".pyc",
    ".pyi", ".rar", ".rb", ".rs", ".rst", ".rtf", ".safetensors", ".scss", ".sh", ".so", ".sql", ".sqlite", ".srt",
    ".ssa", ".sub", ".svg", ".swift", ".tar", ".tex", ".tgz", ".toml", ".tsv", ".tsx", ".ttf", ".txt", ".url",
    ".vtt", ".vue", ".wasm", ".whl", ".woff", ".woff2", ".xls", ".xlsx", ".xml", ".xmp", ".xz", ".yaml", ".yml",
    ".zip", ".zst",
})
"""Common suffixes of other files: their content is not looked at."""

# fmt: on

MEDIA_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES

TYPESCRIPT_SUFFIXES = frozenset({".ts", ".mts"})
"""Suffixes that MPEG transport streams share with TypeScript sources."""
