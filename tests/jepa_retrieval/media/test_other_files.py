"""Reading one file opens no other file and starts no program, whatever the file says. Watched with strace."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.media_factory import make_picture, make_video

READ = """
import sys
from pathlib import Path
from jepa_retrieval.errors import JepaError
from jepa_retrieval.media import DecodeRequest, probe, read_windows
from jepa_retrieval.media.streams.reader import StreamReader
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import StreamRequest

def attempt(name, function):
    try:
        function()
    except JepaError as error:
        print("refused", name)
    else:
        print("read", name)

for name in sys.argv[1:]:
    attempt(name, lambda: probe(Path(name)))
    attempt(name, lambda: list(read_windows(DecodeRequest(Path(name), image_size=32))))
    def watch():
        with StreamReader(StreamRequest(StreamSource.parse(name), 32)) as reader:
            list(reader)
    attempt(name, watch)
"""

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{canary}\n#EXT-X-ENDLIST\n"
DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-main:2011"
type="static" mediaPresentationDuration="PT1S" minBufferTime="PT1S"><Period><AdaptationSet mimeType="video/mp4">
<Representation id="1" bandwidth="1"><BaseURL>file://{canary}</BaseURL></Representation>
</AdaptationSet></Period></MPD>"""
HOSTILE = {
    "list.m3u8": HLS,
    "list.mp4": HLS,
    "list.ts": HLS,
    "script.mp4": "ffconcat version 1.0\nfile '{canary}'\n",
    "script.ffconcat": "ffconcat version 1.0\nfile {canary}\n",
    "manifest.mpd": DASH,
    "manifest.mp4": DASH,
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "old.mp4": "RTSPtext\nrtsp://127.0.0.1:9/x\n",
    "list.asx": '<asx version="3.0"><entry><ref href="{canary}"/></entry></asx>',
    "list.pls": "[playlist]\nFile1={canary}\n",
    "redirect.mov": "rtsptext\nrtsp://127.0.0.1:9/x",
    "post.jpg": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n({canary}) run\nshowpage\n",
    "post.eps": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n({canary}) run\nshowpage\n",
    "drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{canary}"/></svg>',
    "drawing.png": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{canary}"/></svg>',
}


@pytest.fixture
def strace() -> str:
    program = shutil.which("strace")
    if program is None or subprocess.run([program, "-o", "/dev/null", "true"], check=False).returncode:
        pytest.skip("strace is not there, or may not trace")
    return program


def test_no_other_file_is_opened_and_no_program_started(tmp_path: Path, strace: str) -> None:
    canary = make_video(tmp_path / "canary.ts", seconds=1)
    make_picture(tmp_path / "canary1.jpg")  # what a numbered name would lead to
    files = [tmp_path / name for name in HOSTILE]
    for path in files:
        path.write_text(HOSTILE[path.name].format(canary=canary))
    numbered = make_picture(tmp_path / "a.jpg").rename(tmp_path / "canary%d.jpg")
    reference = tmp_path / "external.mov"
    reference.write_bytes(
        external_reference(make_video(tmp_path / "inner.mov", seconds=1).read_bytes(), canary)
    )
    good = make_video(tmp_path / "good.mp4", seconds=1)
    log = tmp_path / "strace.log"
    done = subprocess.run(
        [strace, "-f", "-e", "trace=open,openat,execve,connect", "-s", "400", "-o", str(log),
         sys.executable, "-c", READ, *map(str, (*files, numbered, reference, good))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {line for line in done.stdout.splitlines() if line.startswith("read")} >= {f"read {good}"}
    assert not any(f"read {path}" in done.stdout for path in files)
    lines = log.read_text(errors="replace").splitlines()
    opened = [line for line in lines if re.search(r"\bopen(at)?\(", line)]
    assert any(str(good) in line for line in opened)
    assert [line for line in opened if "canary.ts" in line or "canary1.jpg" in line] == []
    assert len([line for line in lines if "execve(" in line and " = 0" in line]) == 1  # Python itself
    assert [line for line in lines if "connect(" in line and "AF_INET" in line] == []


def external_reference(movie: bytes, target: Path) -> bytes:
    """A QuickTime file whose media lie in another file: its data reference is an alias to that (dref, alis)."""
    position = movie.index(b"dref")
    alias = (
        b"\x00" * 4
        + bytes(146)
        + b"\x00\x02"
        + len(str(target)).to_bytes(2, "big")
        + str(target).encode()
        + b"\xff\xff\x00\x00"
    )
    entry = (8 + len(alias)).to_bytes(4, "big") + b"alis" + alias
    box = (16 + len(entry)).to_bytes(4, "big") + b"dref" + bytes(4) + (1).to_bytes(4, "big") + entry
    old = int.from_bytes(movie[position - 4 : position], "big")
    changed = bytearray(movie[: position - 4] + box + movie[position - 4 + old :])
    grown = len(box) - old
    for name in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        at = changed.index(name) - 4
        changed[at : at + 4] = (int.from_bytes(changed[at : at + 4], "big") + grown).to_bytes(4, "big")
    return bytes(changed)
