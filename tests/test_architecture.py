"""What importing costs, and how long files and functions are. Which module may import which: `lint-imports`."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


PACKAGES = ("indexes", "jepa_retrieval", "cli", "benchmarks")
MAX_LINES = 400  # of a file
MAX_FUNCTION_LINES = 60  # without the signature and the docstring: commands have long lists of options


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name of each function, and the lines from the first statement after its docstring to its end."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            statements = node.body[1:] if ast.get_docstring(node) else node.body
            if statements:
                yield node.name, (statements[-1].end_lineno or 0) - statements[0].lineno + 1


@pytest.mark.parametrize("package", PACKAGES)
def test_files_and_functions_are_short(package: str) -> None:
    paths = list((REPOSITORY / package).rglob("*.py"))
    assert paths
    for path in paths:
        lines = path.read_text("utf-8").count("\n")
        assert lines <= MAX_LINES, f"{path} has {lines} lines"
        for name, length in functions(path):
            assert length <= MAX_FUNCTION_LINES, f"{path}: {name} has {length} lines"
