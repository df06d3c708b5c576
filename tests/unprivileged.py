"""Commands that may not read every file, though the tests run as root."""

import os
import shutil
import subprocess

import pytest

_CAPABILITIES = "-dac_override,-dac_read_search"


def unprivileged() -> list[str]:
    """What to write before a command so that permissions of files hold for it; skips where that cannot be had."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    command = [str(setpriv), f"--bounding-set={_CAPABILITIES}", f"--inh-caps={_CAPABILITIES}"]
    if setpriv is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("the tests run as root, and setpriv cannot drop the privilege to read every file")
    return command
