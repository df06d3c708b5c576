"""All data sets of the registry: where they come from, and that they are documented."""

from pathlib import Path

import pytest

from benchmarks.datasets import registry
from benchmarks.datasets.files import DataSetError
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    "entry",
    [entry for entry in registry.ENTRIES if not entry.made],
    ids=lambda entry: f"{entry.task}:{entry.name}",
)
def test_a_missing_file_is_named_with_its_source(entry: registry.Entry, tmp_path: Path) -> None:
    with pytest.raises(DataSetError) as caught:
        entry.load(tmp_path)
    message = str(caught.value)
    assert str(tmp_path) in message
    source = entry.source if "prompts" not in message and "classnames" not in message else "perception_models"
    assert source in message


def test_every_data_set_is_documented() -> None:
    page = (REPOSITORY / "docs" / "datasets.md").read_text(encoding="utf-8")
    missing = [entry.name for entry in registry.ENTRIES if f"`{entry.name}`" not in page]
    assert not missing
