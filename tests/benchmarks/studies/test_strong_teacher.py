"""Who teaches which picture in the study of a stronger teacher."""

import pytest

torch = pytest.importorskip("torch")

from benchmarks.shared.caption_networks import Pictures  # noqa: E402 - needs PyTorch
from benchmarks.studies import strong_teacher  # noqa: E402
from benchmarks.studies.strong_teacher import FOLDS, Material, of_clip, teach  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


def made_material() -> Material:
    """Twelve pictures that CLIP has seen but for one, and a source of tokens alone."""
    tokens = torch.randn(12, 3, 8).half()
    examples = [(row, [row]) for row in range(12)]
    sources = [Pictures(name, tokens, torch.zeros(12, 3, 4), examples) for name in ("seen", "tokens alone")]
    features = torch.randn(12, 1280).half()
    features[5] = torch.nan
    return Material(sources, [8, 8], [], torch.randn(12, 6), {"seen": features})


def test_a_picture_is_taught_by_networks_that_did_not_learn_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strong_teacher, "TEACHER_STEPS", 10)
    learnt_from: list[set[int]] = []
    whole_train = strong_teacher.train

    def train(sources, shares, texts, form):  # type: ignore[no-untyped-def]
        learnt_from.append({row for source in sources for row, _ in source.examples})
        return whole_train(sources, shares, texts, form)

    monkeypatch.setattr(strong_teacher, "train", train)
    teachers = teach(made_material())
    of_folds = (
        teachers.pictures["seen"].float().unflatten(2, (FOLDS, -1)).norm(dim=3)
    )  # [pictures, views, folds]
    for row in set(range(12)) - {5}:
        for fold, rows in enumerate(learnt_from):
            assert (of_folds[row, :, fold] > 0.9).all() != (row in rows)
    assert teachers.pictures["seen"][5].isnan().all()
    assert teachers.pictures["tokens alone"].isnan().all()


def test_a_network_on_the_features_learns_from_no_picture_without_them() -> None:
    found = of_clip(made_material())
    assert [source.name for source in found.sources] == ["seen"] and found.shares == [8]
    assert [row for row, _ in found.sources[0].examples] == [row for row in range(12) if row != 5]
    assert found.sources[0].tokens.shape == (12, 1, 768) and found.sources[0].concepts.shape == (12, 1, 512)
