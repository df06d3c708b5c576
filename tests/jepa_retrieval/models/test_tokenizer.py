"""Texts become ids and masks."""

from pathlib import Path

import pytest

from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models.tokenizer import TextTokenizer


def test_padding_on_the_right_is_masked(tokenizer_file: Path) -> None:
    ids, mask = TextTokenizer(tokenizer_file, max_tokens=16)(["a dog", "The cat runs on grass"])
    assert mask.tolist() == [[1, 1, 1, 0, 0, 0], [1] * 6]
    assert ids.dtype == mask.dtype == "int64"
    assert ids[0, :3].tolist() == TextTokenizer(tokenizer_file, max_tokens=16)(["a dog"]).ids[0].tolist()


def test_long_texts_are_cut(tokenizer_file: Path) -> None:
    ids, mask = TextTokenizer(tokenizer_file, max_tokens=4)(["dog " * 100])
    assert ids.shape == mask.shape == (1, 4)


def test_a_text_without_tokens_has_one_masked_place(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(tmp_path / "t.json"))
    ids, mask = TextTokenizer(tmp_path / "t.json", max_tokens=4)([""])
    assert ids.shape == (1, 1)
    assert mask.tolist() == [[0]]


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"missing\.json: not a readable tokenizer\.json"):
        TextTokenizer(tmp_path / "missing.json", max_tokens=4)
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"bad\.json: not a readable tokenizer\.json"):
        TextTokenizer(tmp_path / "bad.json", max_tokens=4)


@pytest.mark.parametrize("text", ["caf\udce9", "\ud83d", "a\udfff b"])
def test_text_that_is_no_unicode_is_refused_by_name(tokenizer_file: Path, text: str) -> None:
    """Python makes lone surrogates of bytes on the command line that are not UTF-8."""
    with pytest.raises(UsageError, match="is not valid text"):
        TextTokenizer(tokenizer_file, max_tokens=16)(["a dog", text])
