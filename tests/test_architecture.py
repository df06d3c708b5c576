"""What importing costs: a text search stays light. Which module may import which: `lint-imports`."""

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    "package", ["indexes", "jepa_retrieval", "jepa_retrieval.library", "jepa_retrieval.media", "cli.main"]
)
def test_importing_a_floor_is_light(package: str) -> None:
    heavy = {
        "torch",
        "torchvision",
        "transformers",
        "open_clip",
        "timm",
        "sklearn",
        "scipy",
        "pandas",
        "matplotlib",
    }
    code = f"import sys, {package}; print(*(set(sys.modules) & {heavy!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == ""
