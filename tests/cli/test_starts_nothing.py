"""Commands on foreign files start no program but our own workers, whatever the files hold."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.media_factory import RED, draw, make_picture, make_video
from tests.traced import jepa, outside_programs

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n0 0 64 64 rectfill\nshowpage\n%%EOF\n"
PLAYLISTS = {
    "playlist.ts": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
    "concat.mp4": "ffconcat version 1.0\nfile '/etc/hostname'\n",
    "drawing.png": '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/hostname"/></svg>',
    "link.jpg": "push graphic-context\nviewbox 0 0 64 64\nimage over 0,0 0,0 '|touch PWNED'\npop graphic-context\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good media, and files that ask image and video libraries for outside help."""
    media = tmp_path_factory.mktemp("traced") / "media"
    media.mkdir()
    make_video(media / "good.mp4", seconds=4)
    make_picture(media / "good.jpg")
    for name in ("postscript.jpg", "postscript.png", "postscript.eps.jpg"):
        (media / name).write_bytes(POSTSCRIPT)
    for name, text in PLAYLISTS.items():
        (media / name).write_text(text)
    # A JPEG with a PostScript picture behind its end.
    buffer = io.BytesIO()
    Image.fromarray(draw((64, 48), RED)).save(buffer, "JPEG")
    (media / "behind.jpg").write_bytes(buffer.getvalue() + POSTSCRIPT)
    return media.parent


def test_indexing_and_searching(folder: Path) -> None:
    programs = jepa(
        (1, ["index", "media"]),
        (0, ["search", "a cat", "--index", "media", "--json"]),
        (0, ["search", "--image", "media/good.jpg", "--index", "media", "--json"]),
        (2, ["search", "--image", "media/postscript.jpg", "--index", "media"]),
        cwd=folder,
    )
    assert programs == []
    assert not list(folder.rglob("PWNED"))


def test_watching_and_classifying(folder: Path) -> None:
    programs = jepa(
        (0, ["watch", "media/good.mp4", "--json"]),
        (1, ["classify", "media", "--labels", "red,blue", "--json"]),
        *((2, ["watch", f"media/{name}"]) for name in ("playlist.ts", "concat.mp4")),
        cwd=folder,
    )
    assert programs == []
    assert not list(folder.rglob("PWNED"))


def test_an_outside_program_is_seen(tmp_path: Path) -> None:
    code = (
        "import subprocess; subprocess.run(['true']); print(subprocess.call(['sh', '-c', 'missing-program']))"
    )
    output, programs = outside_programs(["-c", code], cwd=tmp_path)
    assert output == "127\n"
    for name in ("/true", "/sh -c missing-program"):
        assert any(program.endswith(name) for program in programs), programs
