"""Which words captions support, and the sentence that says no more than that."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models import y_decoder_files
from jepa_retrieval.models.runtime.candidates import choose
from jepa_retrieval.models.word_support import WordTable, content_words
from jepa_retrieval.models.y_decoder_files import MEMORY, WEIGHTS, CaptionMemory, read_memory

# Two clusters: captions of dogs, of which few run, and captions of beaches.
TABLE = WordTable(
    words=["dog", "run", "beach"],
    starts=np.array([0, 2, 3], dtype=np.int32),
    columns=np.array([0, 1, 2], dtype=np.int16),
    shares=np.array([255, 51, 255], dtype=np.uint8),
    phrases={"dog": "a dog", "beach": "a beach"},
)
POINTS = np.eye(4, dtype=np.float32)[:2]
TEXTS = {
    "A dog.": [0.8, 0, 0.6, 0],
    "A beach.": [0, 1, 0, 0],
    "A dog runs on a beach.": [0.7, 0.7, 0.14, 0],
    "A dog with a hat.": [0.85, 0, 0, 0.53],
    "A dog with a dog.": [0.83, 0, 0.56, 0],
}


class YEncoder:
    def encode(self, texts: list[str]) -> np.ndarray:
        return np.array([TEXTS[text] for text in texts], dtype=np.float32)


def chosen(sentences: list[str], embedding: list[float], memory: CaptionMemory) -> tuple[str, float]:
    [found] = choose([sentences], np.array([embedding], np.float32), memory, TABLE, YEncoder())  # type: ignore[arg-type]
    return found.text, found.confidence


def test_support_is_the_share_of_near_captions_with_a_word() -> None:
    np.testing.assert_allclose(TABLE.support(np.array([1.0, -1.0], np.float32)), [1.0, 0.2, 0.0], atol=1e-6)
    np.testing.assert_allclose(TABLE.support(np.array([0.5, 0.5], np.float32)), [0.5, 0.1, 0.5], atol=1e-6)


def test_more_support_is_more_probable_and_unknown_words_are_not() -> None:
    support = TABLE.support(np.array([1.0, 0.0], np.float32))
    dog, run, hat = TABLE.probabilities("The dogs run with hats.", support)
    assert dog > 0.8 > run > 0.3 > hat


def test_words_that_say_nothing_do_not_count() -> None:
    assert content_words("Two dogs and a dog with the glasses of their owners.") == ["dog", "glasse", "owner"]
    assert content_words("in front of it") == []


def test_a_sentence_does_not_repeat_itself() -> None:
    """Although the repeated words are supported, and its cosine is a little higher."""
    assert chosen(["A dog with a dog.", "A dog."], [1, 0, 0, 0], CaptionMemory(POINTS, TABLE))[0] == "A dog."


@pytest.mark.parametrize(
    ("embedding", "expected"), [([1, 0, 0, 0], "A dog."), ([0.7, 0.7, 0.14, 0], "A dog runs on a beach.")]
)
def test_a_sentence_says_what_is_supported_and_no_more(embedding: list[float], expected: str) -> None:
    memory = CaptionMemory(POINTS, TABLE)
    text, confidence = chosen(["A dog runs on a beach.", "A dog with a hat."], embedding, memory)
    assert text == expected
    assert confidence == pytest.approx(float(np.dot(TEXTS[text], embedding)), abs=1e-5)


def test_a_class_name_wins_where_it_is_nearer() -> None:
    names = np.array([[0, 0, 1, 0]], dtype=np.float32)
    memory = CaptionMemory(POINTS, TABLE, ["an orangutan"], names)
    assert chosen(["A dog with a hat."], [0.1, 0, 0.99, 0], memory) == ("An orangutan.", pytest.approx(0.99))
    assert chosen(["A dog with a hat."], [1, 0, 0, 0], memory)[0] == "A dog."


def test_a_memory_without_its_words_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    texts = json.dumps({"words": [], "phrases": {}, "names": []})
    save_file({MEMORY: POINTS}, tmp_path / WEIGHTS, metadata={y_decoder_files.TEXTS: texts})
    with pytest.raises(ModelError, match=rf"{WEIGHTS}: .*words\.starts"):
        read_memory(tmp_path)
