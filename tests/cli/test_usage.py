"""Wrong usage: one sentence that names what is wrong, exit status 2, and nothing on standard output."""

from pathlib import Path

import pytest

from tests.cli.conftest import Jepa


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["serch", "x"], "search"),
        (["index"], "PATH"),
        (["index", ".", "--samplin", "2"], "--samplin"),
        (["index", ".", "--sampling", "fast"], "auto, keyframes or a number of frames per second"),
        (["index", "/no/such/folder"], "/no/such/folder"),
        (["index", ".", "--device", "tpu"], "must be one of auto, cpu, cuda"),
        (["index", ".", "--dry-run", "--follow"], "--follow"),
        (["search"], "--image FILE"),
        (["search", " "], "empty"),
        (["search", '""'], "nothing between the quotes"),
        (["search", '" "'], "nothing between the quotes"),
        (["search", "x", "--in", "bogus"], "--in must be seen, said, written"),
        (["search", "x", "--plus", "nan:cat"], "'nan:cat': a weight must be above 0"),
        (["search", "x", "--minus", "1e999:cat"], "'1e999:cat': a weight must be above 0"),
        (["search", "x", "--min-confidence", "nan"], "--min-confidence must be a number, not 'nan'"),
        (["surprise", "x.mp4", "--min-z", "NaN"], "--min-z must be a number, not 'NaN'"),
        (["watch", "x.mp4", "--for", "0"], "--for must be longer than 0 seconds"),
        (["watch", "x.mp4", "--surprise", "5", "--learn", "0"], "--learn must be longer than 0 seconds"),
        (["search", "x", "--image", "y.png"], "--image FILE"),
        (["search", "--video", "/no/such.mp4@2-1"], "before it starts"),
        (["status", "my videos"], "write jepa status --index 'my videos'"),
        (["verify", "videos", "--json"], "write jepa verify --index videos"),
        (["dedupe", "videos"], "write jepa dedupe --index videos"),
        (["surprise", "a.mp4", "b.mp4"], "unexpected extra argument(s) (b.mp4). See 'jepa surprise --help'"),
        (["serve", "videos"], "write jepa serve --index videos"),
        (["optimize", "--kind", "bogus"], "--kind must be auto or one of"),
        (["optimize", "--gpu-kind", "bogus"], "--gpu-kind must be auto or one of"),
        (["publish", "--to", "bogus"], "'bogus' is no address of a published index"),
        (["optimize", "--memory", "much"], "'much' is not a size"),
        (["search", "x", "--top", "0"], "--top"),
        (["search", "x", "--top", "many"], "--top"),
        (["search", "x", "--null"], "--filepath-only"),
        (["search", "x", "--json", "-f"], "--json"),
        (["classify", "--labels", "a", "--per", "hour"], "--per"),
        (["classify", "--labels", "a", "--per", "file", "--timeline"], "--timeline"),
        (["export", "clips.xlsx"], ".parquet, .csv, .jsonl"),
        (["models", "show", "no-such-model"], "no-such-model"),
        (["models", "show"], "NAME"),
        (["models", "import", "/no/such.pt"], "/no/such.pt"),
    ],
)
def test_wrong_usage(jepa: Jepa, arguments: list[str], named: str) -> None:
    done = jepa(*arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Error: ")
    assert named in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["--image", "/no/such.png"], ["--video", "/no/such.mp4@1-2"], ["--plus", "/no/such.mp4@1-2"]],
)
def test_a_file_that_is_neither_on_disk_nor_in_the_index(
    jepa: Jepa, library: Path, arguments: list[str]
) -> None:
    done = jepa("search", *arguments, "--index", library)
    assert (done.status, done.out) == (2, "")
    assert done.err == f"Error: {arguments[1].partition('@')[0]}: no such file or folder\n"


@pytest.mark.parametrize(
    "command",
    [
        "search x",
        "classify --labels a",
        "ask Q?",
        "status",
        "remove x",
        "verify",
        "optimize",
        "export clips.csv",
    ],
)
def test_without_an_index_it_says_how_to_make_one(
    jepa: Jepa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = jepa(*command.split())
    assert (done.status, done.out) == (2, "")
    assert "jepa index FOLDER" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("variable", [True, False])
def test_an_index_that_is_not_there_is_named(
    jepa: Jepa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: bool
) -> None:
    missing = tmp_path / "missing"
    if variable:
        monkeypatch.setenv("JEPA_INDEX", str(missing))
    done = jepa("status", *([] if variable else ["--index", missing]))
    assert done.status == 2
    assert str(missing) in done.err
    assert len(done.err.splitlines()) == 1


def test_debug_shows_the_traceback(jepa: Jepa) -> None:
    assert "Traceback" not in jepa("search", " ").err
    assert "Traceback" in jepa("search", " ", "--debug").err


def test_several_folders_need_to_be_told_where_the_index_goes(jepa: Jepa, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    done = jepa("index", tmp_path / "a", tmp_path / "b")
    assert done.status == 2
    assert "--index DIR" in done.err
    assert not list(tmp_path.rglob(".jepa"))


def test_a_missing_folder_gets_no_index(jepa: Jepa, tmp_path: Path) -> None:
    assert jepa("index", tmp_path / "missing").status == 2
    assert not list(tmp_path.iterdir())


def test_the_device_holds_for_every_model_that_the_command_loads(
    jepa: Jepa, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch

    monkeypatch.setenv("JEPA_DEVICE", "cpu")  # restored afterwards, whatever the commands make of it
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = jepa("index", tmp_path, "--device", "cuda")
    assert (done.status, done.out) == (2, "")
    assert "device 'cuda': PyTorch finds no usable GPU here" in done.err
