"""`jepa dedupe` on a real library, which holds a photograph twice."""

import json
from pathlib import Path

from tests.cli.conftest import Golden, Jepa


def test_copies_are_listed(jepa: Jepa, library: Path, golden: Golden) -> None:
    done = jepa("dedupe", "--index", library)
    assert done.status == 0
    golden("dedupe", done.out)


def test_json_tells_copies_from_near_duplicates(jepa: Jepa, library: Path) -> None:
    document = json.loads(jepa("dedupe", "--index", library, "--json").out)
    (group,) = document["groups"]
    assert group["kind"] == "copies"
    assert [file["similarity"] for file in group["files"]] == [1.0, 1.0]
    assert document["parts"] == []


def test_a_threshold_out_of_range_is_refused(jepa: Jepa, library: Path) -> None:
    assert jepa("dedupe", "--threshold", 2, "--index", library).status == 2
