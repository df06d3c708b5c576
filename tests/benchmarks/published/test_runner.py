"""From a data set in its own format to a result, and from results to the table."""

import json
from pathlib import Path

import pytest

from benchmarks.datasets import registry
from benchmarks.published import paper, runner
from benchmarks.published.runner import Settings, report, run
from benchmarks.published.table import read_results, results_table
from jepa_retrieval.errors import UsageError
from tests.benchmarks.conftest import COLOURS, ColourModel
from tests.media_factory import make_picture


@pytest.fixture
def flickr(tmp_path: Path) -> Path:
    """Four photographs in Flickr8k's layout."""
    folder = tmp_path / "flickr"
    (folder / "images").mkdir(parents=True)
    for name, colour in COLOURS.items():
        make_picture(folder / "images" / f"{name}.png", colour=colour)
    lines = [f"{name}.jpg#{number}\t{name} thing {number}" for name in COLOURS for number in range(2)]
    (folder / "Flickr8k.token.txt").write_text("\n".join(lines))
    (folder / "Flickr_8k.testImages.txt").write_text("\n".join(f"{name}.jpg" for name in COLOURS))
    return folder


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> ColourModel:
    model = ColourModel()
    monkeypatch.setattr(runner, "load_model", lambda name: model)
    return model


def settings(tmp_path: Path, data: Path, limit: int | None = None) -> Settings:
    return Settings("colours", data, limit, tmp_path / "cache", tmp_path / "results")


def test_a_result_says_what_its_figure_depends_on(loaded: ColourModel, flickr: Path, tmp_path: Path) -> None:
    document = run("retrieval", "flickr8k", settings(tmp_path, flickr))
    saved = json.loads(Path(document["path"]).read_text())
    assert Path(document["path"]).name == "retrieval-flickr8k-colours.json"
    assert saved["value"] == 100.0
    assert saved["fingerprint"] == loaded.fingerprint()
    assert saved["counts"] == {"clips named": 4, "clips found": 4, "clips read": 4, "captions": 8}
    assert saved["rows"]["text to video"]["pool"] == 4
    assert {"machine", "code", "made", "frames per clip", "frame fit", "prompt", "seconds"} <= saved.keys()
    lines = report(document)
    assert lines[0].startswith("colours, Flickr8k test: 4 clips named")
    assert "| text to video" in "\n".join(lines)


def test_a_second_run_takes_everything_from_the_cache(
    loaded: ColourModel, flickr: Path, tmp_path: Path
) -> None:
    first = run("retrieval", "flickr8k", settings(tmp_path, flickr))
    frames, texts = loaded.x_encoder.frames, loaded.y_encoder.texts
    second = run("retrieval", "flickr8k", settings(tmp_path, flickr))
    assert (loaded.x_encoder.frames, loaded.y_encoder.texts) == (frames, texts)
    assert first["rows"] == second["rows"]


def test_a_limited_run_does_not_replace_a_whole_one(
    loaded: ColourModel, flickr: Path, tmp_path: Path
) -> None:
    run("retrieval", "flickr8k", settings(tmp_path, flickr))
    part = run("retrieval", "flickr8k", settings(tmp_path, flickr, limit=2))
    assert part["counts"]["clips found"] == 2
    assert len(list((tmp_path / "results").glob("*.json"))) == 2


@pytest.mark.parametrize(
    ("task", "dataset", "data", "message"),
    [
        ("cooking", "flickr8k", None, "allowed: retrieval, classification"),
        ("retrieval", "gqa", None, "allowed: msrvtt-1ka"),
        ("retrieval", "msvd", None, "name its folder with --data; the data come from MSVD"),
        ("retrieval", "msvd", "empty", "msvd_caption_test.json: no such file or folder; it comes from MSVD"),
    ],
)
def test_mistakes_are_named(
    task: str, dataset: str, data: str | None, message: str, loaded: ColourModel, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    folder = tmp_path / data if data else None
    with pytest.raises(UsageError, match=message):
        run(task, dataset, Settings("colours", folder, cache=tmp_path / "c", results=tmp_path / "r"))


def test_the_table_puts_results_beside_the_paper(loaded: ColourModel, flickr: Path, tmp_path: Path) -> None:
    run("retrieval", "flickr8k", settings(tmp_path, flickr))
    other = {
        "task": "hard-negatives",
        "dataset": "visla",
        "model": "nano",
        "variant": "tower",
        "metric": "accuracy",
        "value": 51.96,
        "rows": {"spatial": {"triplets": 5, "accuracy": 45.05}},
        "limit": 10,
    }
    results = tmp_path / "results"
    (results / "visla.json").write_text(json.dumps(other))
    (results / "speed.json").write_text(json.dumps({"milliseconds": 3}))  # of another benchmark
    lines = results_table(read_results(results))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert rows[0][:5] == ["task", "data set", "metric", "colours", "nano tower"]
    assert rows[2][:5] == ["retrieval", "flickr8k", "recall@1", "100.0 (pool 4)", ""]
    assert rows[3][:5] == ["hard-negatives", "visla", "accuracy", "", "52.0 (--limit 10)"]
    assert rows[3][rows[0].index("VL-JEPA_BASE")] == "42.9"
    assert rows[4][:5] == ["hard-negatives", "visla, spatial", "accuracy", "", "45.0 (--limit 10)"]
    assert rows[4][rows[0].index("VL-JEPA_BASE")] == "35.9"  # the paper's figure of the same part


# The averages that the paper states beside its figures.
AVERAGES = {
    "retrieval": (35.3, 47.5, 58.1, 63.7, 63.8),
    "classification": (30.7, 39.8, 44.7, 52.5, 75.4),
}


@pytest.mark.parametrize("task", AVERAGES)
def test_the_figures_of_the_paper_have_the_averages_that_it_states(task: str) -> None:
    reported = [figures for key, figures in paper.REPORTED.items() if key[0] == task]
    assert len(reported) == 8
    for model, average in zip(paper.MODELS, AVERAGES[task], strict=True):
        assert sum(figures[model] for figures in reported) / 8 == pytest.approx(average, abs=0.1)


def test_parts_of_the_paper_average_to_the_whole() -> None:
    for name in ("sugarcrepe-pp", "visla"):
        parts = [figures["VL-JEPA_BASE"] for figures in paper.PARTS["hard-negatives", name].values()]
        whole = paper.REPORTED["hard-negatives", name]["VL-JEPA_BASE"]
        assert sum(parts) / len(parts) == pytest.approx(whole, abs=0.1)


def test_every_figure_of_the_paper_is_of_a_data_set_that_there_is() -> None:
    known = {(entry.task, entry.name) for entry in registry.ENTRIES}
    assert {*paper.REPORTED, *paper.PARTS} <= known


def test_an_empty_folder_has_no_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="contains no results"):
        read_results(tmp_path)
