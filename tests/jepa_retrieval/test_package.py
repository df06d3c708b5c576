"""What `jepa_retrieval` itself offers."""

import ast
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import jepa_retrieval
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.long


def test_every_name_is_the_one_that_type_checkers_see() -> None:
    tree = ast.parse((REPOSITORY / "jepa_retrieval" / "__init__.py").read_text())
    typed = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("jepa_retrieval")
        for alias in node.names
    }
    assert {*typed, "__version__"} == set(jepa_retrieval.__all__) == set(dir(jepa_retrieval))
    for name, module in typed.items():
        assert getattr(jepa_retrieval, name) is getattr(import_module(str(module)), name)


def test_the_version_is_the_installed_one() -> None:
    assert jepa_retrieval.__version__ == version("jepa-retrieval")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Libary'"):
        _ = jepa_retrieval.Libary  # type: ignore[attr-defined]


def test_importing_it_loads_nothing_of_it() -> None:
    code = "import sys, jepa_retrieval; print(*(m for m in sys.modules if m.startswith('jepa_retrieval.')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == ""


def test_type_checkers_see_the_types(tmp_path: Path) -> None:
    script = tmp_path / "user.py"
    script.write_text("from jepa_retrieval import Library\nreveal_type(Library.open('x').search('y').hits)\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(REPOSITORY / "pyproject.toml"), str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )
    assert "tasks.searching.moments.Moment" in done.stdout, done.stdout
