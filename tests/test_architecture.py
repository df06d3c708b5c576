"""The three floors: arrows point down only, and a text search stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

FLOORS = {
    "indexes": {"indexes"},
    "jepa_retrieval": {"indexes", "jepa_retrieval"},
    "cli": {"indexes", "jepa_retrieval", "cli"},
    "benchmarks": {"indexes", "jepa_retrieval", "benchmarks"},
}
# The command line and the benchmarks stand beside each other. One command reaches over: `jepa bench` calls the
# benchmarks' runner, which comes with the package, when it is run.
BESIDE = {Path("cli/bench.py"): {"benchmarks"}}
OURS = {"indexes", "jepa_retrieval", "cli", "benchmarks", "tests"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_imports_only_itself_and_what_lies_below(floor: str) -> None:
    files = list((REPOSITORY / floor).rglob("*.py"))
    assert files
    for path in files:
        allowed = FLOORS[floor] | BESIDE.get(path.relative_to(REPOSITORY), set())
        above = (set(imported(path)) & OURS) - allowed
        assert not above, f"{path.relative_to(REPOSITORY)} imports {above}"


@pytest.mark.parametrize("package", ["indexes", "jepa_retrieval.library", "jepa_retrieval.media", "cli.main"])
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
