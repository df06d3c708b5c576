"""The curl commands of docs/serving.md are answered by a real server."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.conftest import REPOSITORY
from tests.jepa_retrieval.serving.conftest import serving
from tests.media_factory import make_video

PAGE = REPOSITORY / "docs" / "serving.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_curl_commands_are_answered(tmp_path: Path) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    commands = [
        command
        for block in blocks
        for command in block.replace("\\\n", " ").splitlines()
        if "curl" in command
    ]
    assert len(commands) >= 10
    folder = tmp_path / "media"
    folder.mkdir()
    for number in range(6):  # file 3 and clip 5 exist, and 80 seconds
        make_video(folder / f"{number}.mp4", seconds=96, fps=1, size=(64, 48))
    Library.create(folder).index()

    with serving(ServeSettings(indexes=[folder], port=0)) as running:
        for command in commands:
            called = command.replace("http://127.0.0.1:8787", running.url).replace(
                "curl -s", "curl -s --fail-with-body"
            )
            done = subprocess.run(called, shell=True, capture_output=True, cwd=tmp_path, timeout=60)
            assert done.returncode == 0, (command, done.stdout[:500])
            if " -o " not in command:
                assert json.loads(done.stdout)

    assert (tmp_path / "moment.mp4").stat().st_size > 1000
    assert (tmp_path / "moments.csv").read_text("utf-8").count("mp4") >= 2
