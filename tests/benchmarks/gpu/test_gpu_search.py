"""The section that measures kinds of GPU index, with FAISS's CPU indexes in place of a card's."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.gpu import search
from benchmarks.gpu.facts import Facts
from tests.indexes.vectors.conftest import play_gpus  # noqa: F401


def test_kinds_are_searched_as_the_product_does_and_by_themselves(
    tmp_path: Path,
    play_gpus: Callable[[], None],  # noqa: F811
) -> None:
    play_gpus()
    facts = Facts(
        tmp_path / "facts.json", device="cpu", smoke=True, kinds=("gpu-flat", "gpu-cagra"), vectors=(3000,)
    )
    search.run(facts)
    for kind in facts.kinds:
        found = facts.content["3,000"][kind]
        assert found["product"]["kind"] == kind
        assert found["product"]["recall_at_10"] == 1
        assert found["product"]["queries_per_second_batch_1000_of_100_hits"] > 0
        assert found["all"]["queries_per_second_batch_500"] > 0
    assert "gpu-ivf-flat" not in facts.content["3,000"]
