"""The confusion matrix as a picture."""

from pathlib import Path

import pytest
from PIL import Image

from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.confusion import write_confusion
from jepa_retrieval.tasks.asking.evaluation import ClassFigures, Evaluation

LABELS = ("a cat", "cost $\\frac{1}{ $", "\u202egpj.exe\n")


@pytest.fixture
def evaluation() -> Evaluation:
    classes = tuple(ClassFigures(label, 2, 0.5, 0.5, 0.5) for label in LABELS)
    return Evaluation(6, 0.5, 1.0, classes, LABELS, ((1, 1, 0), (0, 1, 1), (1, 0, 1)), (), ())


def test_labels_are_no_formulas(evaluation: Evaluation, tmp_path: Path) -> None:
    write_confusion(tmp_path / "matrix.png", evaluation)
    with Image.open(tmp_path / "matrix.png") as image:
        assert min(image.size) > 300


def test_what_cannot_be_written_is_named(evaluation: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"matrix\.xyz: cannot be drawn"):
        write_confusion(tmp_path / "matrix.xyz", evaluation)
    with pytest.raises(FileNotFoundError, match=r"'.*/missing/matrix\.png'$"):
        write_confusion(tmp_path / "missing" / "matrix.png", evaluation)
    assert list(tmp_path.iterdir()) == []
