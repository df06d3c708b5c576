"""A picture that was appended to a video is told at once; libav would read on without an end."""

from pathlib import Path

import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.video.video_file import VideoFile
from tests.media_factory import make_video

PICTURE = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\x00\x00\x00\x10meta" + bytes(8)


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}])
def test_a_picture_after_a_video_is_reported_and_other_bytes_do_no_harm(
    tmp_path: Path, options: dict[str, str]
) -> None:
    video = make_video(tmp_path / "a.mov", seconds=1.0, container_options=options).read_bytes()
    (tmp_path / "b.mov").write_bytes(video + PICTURE)
    with pytest.raises(
        UnreadableMediaError, match=f"a HEIF picture follows the video at byte {len(video):,}"
    ):
        VideoFile(tmp_path / "b.mov")
    for more in (b"", b"free", video, bytes(40), b"\x00\x00\x00\x10free" + bytes(8)):
        (tmp_path / "c.mov").write_bytes(video + more)
        with VideoFile(tmp_path / "c.mov") as file:
            assert len(list(file.packets())) >= 25
