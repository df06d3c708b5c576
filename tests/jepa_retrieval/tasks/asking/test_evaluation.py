from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.asking.candidates import Scored
from jepa_retrieval.tasks.asking.classify import Classification, Classified
from jepa_retrieval.tasks.asking.evaluation import evaluate, read_true_labels
from jepa_retrieval.tasks.encoding.media_root import MediaRoot

LABELS = ("dog", "cat", "car")


def classified(**best: str) -> Classification:
    """A result with the given best label of each file; the others follow in their order."""
    items = []
    for path, label in best.items():
        order = [label, *(other for other in LABELS if other != label)]
        items.append(Classified(path, None, None, tuple(Scored(name, 0.5, 0.3) for name in order), 0))
    return Classification(LABELS, "m", 0.1, 1.0, tuple(items))


def test_figures_by_hand() -> None:
    found = classified(a="dog", b="dog", c="dog", d="cat", e="cat", x="car")
    judged = evaluate(found, {"a": "dog", "b": "dog", "c": "cat", "d": "cat", "e": "dog", "z": "car"})
    assert (judged.items, judged.accuracy, judged.accuracy_top5) == (5, 0.6, 1.0)
    assert judged.confusion == ((2, 1, 0), (1, 1, 0), (0, 0, 0))
    assert [row.label for row in judged.classes] == ["dog", "cat"]
    dog, cat = judged.classes
    assert (dog.number, dog.precision, dog.recall) == (3, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (cat.number, cat.precision, cat.recall, cat.f1) == (2, 0.5, 0.5, 0.5)
    assert (judged.unlabelled, judged.missing) == (("x",), ("z",))
    assert np.sum(judged.confusion) == judged.items


def test_the_truth_may_be_relative_to_the_media_or_to_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "media" / "sub").mkdir(parents=True)
    (tmp_path / "media" / "a.jpg").touch()
    (tmp_path / "media" / "sub" / "b.jpg").touch()
    file = tmp_path / "media" / "sub" / "truth.csv"
    file.write_text('path,label\na.jpg,dog\n"b.jpg", cat\n\n')
    truth = read_true_labels(file, media_root=MediaRoot(tmp_path / "media"), labels=LABELS)
    assert truth == {"a.jpg": "dog", "sub/b.jpg": "cat"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("a.jpg\n", "no second column"),
        ("a.jpg,horse\n", "'horse' is not among the candidates: dog, cat, car"),
        ("path,label\n", "names no files"),
        ("\xff", "names no files|no second column|not a readable"),
    ],
)
def test_errors_name_the_file(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "truth.csv"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=rf"truth\.csv: .*({message})"):
        read_true_labels(file, media_root=MediaRoot(tmp_path), labels=LABELS)


def test_a_truth_of_other_files_is_an_error() -> None:
    with pytest.raises(UsageError, match="none of the classified files"):
        evaluate(classified(a="dog"), {"b": "dog"})


def test_the_matrix_is_drawn(tmp_path: Path) -> None:
    from PIL import Image

    from jepa_retrieval.report.confusion import write_confusion

    judged = evaluate(classified(a="dog", b="cat"), {"a": "dog", "b": "dog"})
    write_confusion(tmp_path / "matrix.png", judged)
    picture = np.asarray(Image.open(tmp_path / "matrix.png").convert("L"))
    assert picture.min() < 120 < picture.max()  # cells in two colours
