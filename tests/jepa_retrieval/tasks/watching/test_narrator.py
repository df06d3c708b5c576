"""The voice: what a language model is given, what is refused, and a real small model where it is installed."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.tasks.watching.narrator import MAX_SENTENCES, Narrator, SentenceLog, notes
from tests.language_model import small_language_model

SENTENCES = ["A brown dog runs on the beach.", "A dog jumps into the water.", "A man throws a ball to a dog."]


@pytest.fixture(scope="module")
def voice() -> Narrator:
    return Narrator(small_language_model())


def test_a_small_model_retells_what_it_is_given(voice: Narrator) -> None:
    line, summary = voice.line(SENTENCES), voice.summary(SENTENCES)
    for text in (line, summary):
        assert any(word in text.lower() for word in ("dog", "man", "ball", "water", "beach")), text
    assert "\n" not in line + summary
    assert len(line.split()) <= 60
    assert line == voice.line(SENTENCES)
    told = re.split(r"(?<=[.!?]) ", summary)
    assert len(set(told)) == len(told)
    assert voice.line(["A woman plays a guitar."]) != line


def test_nothing_is_told_of_nothing(voice: Narrator) -> None:
    assert voice.line([]) == voice.summary([]) == ""


@given(st.lists(st.sampled_from("abcd"), max_size=300))
def test_notes_are_the_changes_in_order_and_not_too_many(sentences: list[str]) -> None:
    lines = [line.removeprefix("- ") for line in notes(sentences).splitlines()]
    changes = [text for at, text in enumerate(sentences) if at == 0 or text != sentences[at - 1]]
    assert len(lines) == min(len(changes), MAX_SENTENCES)
    left = iter(changes)
    assert all(line in left for line in lines)
    assert lines[:1] == changes[:1]


@given(st.lists(st.sampled_from("abcd"), max_size=2000))
def test_a_story_keeps_the_order_and_stays_small(sentences: list[str]) -> None:
    story = SentenceLog()
    for text in sentences:
        story.add(text)
    changes = [text for at, text in enumerate(sentences) if at == 0 or text != sentences[at - 1]]
    assert len(story.sentences) <= 16 * MAX_SENTENCES
    left = iter(changes)
    assert all(text in left for text in story.sentences)
    assert story.sentences[:1] == changes[:1]
    if len(changes) <= 16 * MAX_SENTENCES:
        assert story.sentences == changes


def test_a_story_of_days_is_thinned_out_evenly() -> None:
    story = SentenceLog()
    for number in range(100_000):
        story.add(str(number))
    kept = [int(text) for text in story.sentences]
    assert 8 * MAX_SENTENCES <= len(kept) <= 16 * MAX_SENTENCES
    assert len({b - a for a, b in itertools.pairwise(kept)}) == 1


def test_files_that_are_no_language_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("GPTQ")
    with pytest.raises(UsageError, match=r"notes\.txt: is not"):
        Narrator(tmp_path / "notes.txt")
    with pytest.raises(UsageError, match="cannot be read"):
        Narrator(tmp_path / "none.gguf")


def test_without_the_extra_the_voice_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino_genai", None)
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="pip install"):
        Narrator(tmp_path / "model.gguf")
