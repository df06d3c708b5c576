import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.config import SourceConfig
from jepa_retrieval.training.data.caption_questions import open_questions, questions_from_captions
from jepa_retrieval.training.data.examples import Example, Source, Visual
from jepa_retrieval.training.data.mixing import Mixer, split_batch
from jepa_retrieval.training.data.shards import read_member
from jepa_retrieval.training.data.sources import read_source

Files = Callable[..., Path]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Eight pictures, some in a folder, under another ending than annotations use."""
    for row in range(8):
        path = tmp_path / "images" / ("more" if row > 5 else ".") / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (row * 30, 0, 0)).save(path)
    return tmp_path / "images"


def read(images: Path, path: Path, format_: str, **settings_: Any) -> Source:
    return read_source(SourceConfig(name="s", format=format_, path=str(path), media=str(images), **settings_))  # type: ignore[arg-type]


def content(source: Source) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(source.visuals[e.visual].name, e.query, e.targets) for e in source.examples]


def test_caption_list_of_flickr(images: Path, tmp_path: Path) -> None:
    path = tmp_path / "f.token.txt"
    path.write_text("0.jpg#0\tA dog .\n0.jpg#1\tA  pup .\n6.jpg#0\tA cat .\nlost.jpg#0\tGone .\n")
    source = read(images, path, "captions", query="Describe it.")
    assert content(source) == [
        ("0.png", "Describe it.", ("A dog .", "A pup .")),
        ("6.png", "Describe it.", ("A cat .",)),
    ]


def test_caption_csv_with_commas(images: Path, tmp_path: Path) -> None:
    path = tmp_path / "captions.txt"
    path.write_text('image,caption\n0.jpg,"A dog, a cat."\n1.jpg,One, two\n')
    assert content(read(images, path, "captions")) == [
        ("0.png", "", ("A dog, a cat.",)),
        ("1.png", "", ("One, two",)),
    ]


def test_tables_with_named_columns_beside_their_media(tmp_path: Path) -> None:
    for folder, colour in (("a", 0), ("b", 200), ("c", 90)):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (8, 8), (colour, 0, 0)).save(tmp_path / folder / "0.webp")
    rows = ["0.webp\tA dog | a pup | \tdog", "lost.webp\tGone\t"]
    (tmp_path / "a" / "m.tsv").write_text("\n".join(["file\ttexts\tlabel", *rows]) + "\n")
    (tmp_path / "b" / "m.tsv").write_text("label\tfile\ttexts\ncat\t0.webp\ta|b\n")
    path = tmp_path / "{a,b}" / "m.tsv"
    source = read_source(SourceConfig(name="s", format="captions", path=str(path)))
    assert content(source) == [("0.webp", "", ("A dog", "a pup")), ("0.webp", "", ("a|b",))]
    assert [Path(visual.path).parent.name for visual in source.visuals] == ["a", "b"]


def test_every_list_of_a_brace_pattern_must_be_there(images: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("file\ttexts\n0.png\tA dog\n")
    with pytest.raises(UsageError, match=r"b\.tsv: no such file or folder"):
        read(images, tmp_path / "{a,b}.tsv", "captions")
    (tmp_path / "b.tsv").write_text("file\ttexts\n0.png\n")
    with pytest.raises(UsageError, match=r"b\.tsv:2: needs the columns file and texts"):
        read(images, tmp_path / "{a,b}.tsv", "captions")
    (tmp_path / "b.tsv").write_text("file\ttexts\nlost.png\tGone\n")
    with pytest.raises(UsageError, match=r"b\.tsv: none of the media"):
        read(images, tmp_path / "{a,b}.tsv", "captions")


def test_captions_beside_the_media(images: Path) -> None:
    (images / "0.txt").write_text("A dog .\n\nA pup .\n")
    (images / "more" / "7.txt").write_text("A cat .\n")
    source = read_source(SourceConfig(name="s", format="captions", path=str(images)))
    assert content(source) == [("0.png", "", ("A dog .", "A pup .")), ("7.png", "", ("A cat .",))]


def test_jsonl_manifest(images: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    rows = [
        {"image": "0.jpg", "captions": ["a", "b"]},
        {"media": "more/6.png", "text": "c", "query": "why?", "start": 1.0, "end": 2.5},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    source = read(images, path, "jsonl")
    assert content(source) == [("0.png", "", ("a", "b")), ("6.png", "why?", ("c",))]
    assert (source.visuals[1].start, source.visuals[1].end) == (1.0, 2.5)


@pytest.mark.parametrize(
    ("line", "message"), [("{", "m.jsonl:1: not valid JSON"), ('{"image": "0"}', "m.jsonl:1: needs")]
)
def test_a_bad_line_is_named(images: Path, tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "m.jsonl").write_text(line + "\n")
    with pytest.raises(UsageError, match=message):
        read(images, tmp_path / "m.jsonl", "jsonl")


def test_webdataset_shards(tmp_path: Path) -> None:
    import webdataset as wds

    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (9, 9, 9)).save(buffer, "PNG")
    for shard in range(2):
        with wds.TarWriter(str(tmp_path / f"{shard:05d}.tar")) as writer:
            key = f"{shard:05d}0000"
            details = {"caption": "from json", "clips": [["00:00:01.000", "00:00:02.000"]]}
            writer.write(
                {"__key__": key, "png": buffer.getvalue(), "txt": f"caption {shard}", "json": details}
            )
            writer.write({"__key__": key + "1", "mp4": b"film", "json": {"caption": "only json"}})
            writer.write({"__key__": key + "2", "json": {"caption": "failed download", "status": "failed"}})
    source = read_source(
        SourceConfig(name="s", format="webdataset", path=str(tmp_path / "{00000..00001}.tar"))
    )
    assert [targets for _, _, targets in content(source)] == [
        ("caption 0",),
        ("only json",),
        ("caption 1",),
        ("only json",),
    ]
    assert read_member(source.visuals[2].path, source.visuals[2].member) == buffer.getvalue()
    assert read_member(source.visuals[1].path, source.visuals[1].member) == b"film"
    with pytest.raises(UsageError, match=r"lost\.tar: cannot be read"):
        read_source(SourceConfig(name="s", format="webdataset", path=str(tmp_path / "lost.tar")))


def test_questions_of_both_formats(images: Path, tmp_path: Path) -> None:
    vqa, daquar = tmp_path / "q.jsonl", tmp_path / "q.csv"
    vqa.write_text('{"image": "0.jpg", "question": "What is it?", "answer": "a dog"}\n')
    daquar.write_text('question,answer,image_id\nwhat is  on the desk ,cup,1\nwhat is left,"cup, lamp",1\n')
    assert content(read(images, vqa, "vqa")) == [("0.png", "What is it?", ("a dog",))]
    assert content(read(images, daquar, "daquar", max_answer_words=1)) == [
        ("1.png", "What is on the desk?", ("cup",))
    ]


def test_class_folders(tmp_path: Path) -> None:
    for name in ("car_side", "Ant"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / name / "1.png")
    source = read_source(
        SourceConfig(name="s", format="classes", path=str(tmp_path), templates=("a {}", "{}"), query="What?")
    )
    assert content(source) == [
        ("1.png", "What?", ("a ant", "ant")),
        ("1.png", "What?", ("a car side", "car side")),
    ]


def test_names_and_hold_out_select_by_medium(images: Path, tmp_path: Path) -> None:
    rows = [{"image": f"{row}.jpg", "text": str(n)} for row in range(8) for n in range(2)]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "names.txt").write_text("1.jpg\nsome/folder/3.jpg\n")
    named = read(images, tmp_path / "m.jsonl", "jsonl", names=str(tmp_path / "names.txt"))
    assert {visual.name for visual in named.visuals} == {"1.png", "3.png"}
    both = [
        {
            visual.name
            for visual in read(images, tmp_path / "m.jsonl", "jsonl", hold_out=0.4, part=part).visuals
        }
        for part in ("kept", "held-out")
    ]
    assert not both[0] & both[1] and len(both[0] | both[1]) == 8 and both[1]


CAPTIONS = (
    ("A red ball lies on the grass .", "The ball is in the grass ."),
    ("Two dogs run .", "A dog is jumping over a log ."),
    ("A red ball and a blue ball .", "The dog is running ."),
)


def test_rules_ask_what_captions_answer() -> None:
    things = {"ball", "dog", "grass"}
    assert dict(open_questions(CAPTIONS[0], things=things)) == {
        "What color is the ball?": "red",
        "Where is this?": "grass",
    }
    assert dict(open_questions(CAPTIONS[1], things=things)) == {
        "How many dogs are there?": "2",
        "What is the dog doing?": "jumping",
    }
    # Two balls of two colours: no question about the colour.
    assert dict(open_questions(CAPTIONS[2], things=things)) == {"What is the dog doing?": "running"}


def test_presence_is_asked_evenly_and_truthfully() -> None:
    texts = [
        f"A {'dog' if row % 3 else 'cat'} is on the {'rug' if row % 2 else 'bed'} ." for row in range(40)
    ]
    captions = Source(
        "s",
        tuple(Visual(f"{row}.png") for row in range(40)),
        tuple(Example(row, "", (text,)) for row, text in enumerate(texts)),
    )
    questions = [e for e in questions_from_captions(captions).examples if e.query.startswith("Is there")]
    made = questions_from_captions(captions)
    for thing in ("dog", "cat", "bed"):
        asked = [e for e in questions if f" {thing} " in e.query]
        answers = [e.targets[0] for e in asked]
        assert answers.count("yes") == answers.count("no") > 5
        for example in asked:
            named = f"{thing} " in texts[int(Path(made.visuals[example.visual].path).stem)]
            assert example.targets[0] == ("yes" if named else "no")


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=6), st.integers(6, 600))
def test_shares_are_kept_to_one_place(shares: list[float], batch_size: int) -> None:
    counts = split_batch(shares, batch_size)
    assert sum(counts) == batch_size and min(counts) >= 1
    for count, share in zip(counts, shares, strict=True):
        exact = share / sum(shares) * batch_size
        # A source that would get none takes a place from the others.
        assert count == 1 or exact - len(shares) < count < exact + 1


def test_every_source_is_walked_through_in_epochs() -> None:
    mixer = Mixer([10, 4, 99], [2.0, 1.0, 5.0], active=[0, 1], batch_size=6, seed=1)
    assert mixer.counts == [4, 2]
    batches = [mixer.batch(step) for step in range(10)]
    for source, length in ((0, 10), (1, 4)):
        drawn = [draw.example for batch in batches for draw in batch if draw.source == source]
        epochs = [drawn[start : start + length] for start in range(0, len(drawn) - length + 1, length)]
        assert all(sorted(epoch) == list(range(length)) for epoch in epochs)
        assert epochs[0] != epochs[1]
    fresh = Mixer([10, 4, 99], [2.0, 1.0, 5.0], active=[0, 1], batch_size=6, seed=1)
    assert fresh.batch(7) == batches[7], "a batch must not depend on those before it"


def test_ready_tokens_refuse_a_bad_row(tmp_path: Path) -> None:
    np.save(tmp_path / "tokens.npy", np.zeros((2, 1, 1, 4), np.float16))
    (tmp_path / "examples.jsonl").write_text('{"visual": 2, "texts": ["a"]}\n')
    with pytest.raises(UsageError, match=r"examples\.jsonl:1: needs visual \(0 to 1\)"):
        read_source(SourceConfig(name="s", format="tokens", path=str(tmp_path)))
