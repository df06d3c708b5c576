"""The notebooks in examples/ run from top to bottom, in an empty folder."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.long

NOTEBOOKS = sorted((REPOSITORY / "examples").glob("*.ipynb"))


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Execute a notebook; returns everything that its cells show, as text or HTML."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    notebook = nbformat.read(REPOSITORY / "examples" / name, as_version=4)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}}).execute()
    shown = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown.append(output.get("text", "") or "\n".join(map(str, output.get("data", {}).values())))
    return "\n".join(shown)


def test_there_are_three_and_their_outputs_are_not_committed() -> None:
    assert len(NOTEBOOKS) == 3
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def test_search_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run("search_a_folder.ipynb", tmp_path, monkeypatch)
    assert "0 could not be read" in shown
    assert "videos/bikes.mp4" in shown
    assert shown.count("data:image/jpeg;base64,") >= 12


def test_train_on_your_captions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run("train_on_your_captions.ipynb", tmp_path, monkeypatch).splitlines()
    found = [line for line in lines if line.startswith(("nano ", "local:"))]
    learnt = [line for line in found if "Chelsea ['chelsea.png'" in line or "Eileen ['astronaut.png'" in line]
    assert len(found) == 4
    assert all(line.startswith("local:") for line in learnt)
    assert len(learnt) == 2


def test_benchmark_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run("benchmark_a_model.ipynb", tmp_path, monkeypatch)
    assert len(list((tmp_path / "results").glob("*.json"))) == 2
    assert shown.count("of 8 queries") == 2
