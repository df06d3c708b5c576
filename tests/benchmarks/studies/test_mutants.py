"""A small run of the damaged files: each is accounted for by name, and a false account is noticed."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.shared.small_media import FORMATS, VIDEOS, make_media
from benchmarks.studies.mutants import MUTATIONS, STATES, account, make_mutants
from indexes import Index
from jepa_retrieval.media import probe

pytestmark = pytest.mark.long

COUNT = 56


@pytest.fixture(scope="module")
def mutants(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("mutants")
    return folder, make_mutants(folder, count=COUNT, seed=11)


def test_every_file_is_accounted_for(mutants: tuple[Path, list[str]]) -> None:
    folder, names = mutants
    result = account(folder, [*names, "gone.mp4"])
    assert result.problems == ["gone.mp4: nothing is said of it"]
    assert set(result.states) == set(names)
    assert set(result.states.values()) <= set(STATES)
    assert {name.rpartition(".")[2] for name in names} == set(FORMATS)
    # Searches find clips of those files only that the index calls readable.
    paths = {clip.path for clip in Index.open(folder / ".jepa").all_clips()}
    assert paths == {name for name, state in result.states.items() if state in ("ok", "partial")}


def test_the_same_seed_makes_the_same_files(mutants: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, names = mutants
    assert make_mutants(tmp_path, count=14, seed=11) == names[:14]
    changed = [n for n in names[:14] if (tmp_path / n).read_bytes() != (folder / n).read_bytes()]
    assert changed == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_changes_the_file(name: str) -> None:
    content = np.random.default_rng(0).bytes(5000)
    other = np.random.default_rng(1).bytes(3000)
    changed = [MUTATIONS[name](bytearray(content), np.random.default_rng(seed), other) for seed in range(20)]
    assert all(bytes(data) != content for data in changed)
    assert len({bytes(data) for data in changed}) > 10 or name in ("append_other", "replace_by_other")


@pytest.mark.parametrize("kind", FORMATS)
def test_the_originals_are_whole(kind: str, tmp_path: Path) -> None:
    info = probe(make_media(tmp_path / f"a.{kind}", random=np.random.default_rng(0)))
    assert (info.width, info.height) == (96, 72)
    assert info.duration == (pytest.approx(3, abs=0.11) if kind in (*VIDEOS, "gif") else None)
