"""Sentences as the Y-Decoder's tokens, and back. Imports neither PyTorch nor transformers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from jepa_retrieval.models.tokenizer import open_tokenizer

END_TOKEN = "<end>"
END = 0  # its id; it begins sentences too

_SPLIT_ENDINGS = re.compile(r"\s+('s|n't)\b")
_QUOTES = re.compile(r"[\"`“”]|''")
_SPACE_BEFORE_COMMA = re.compile(r"\s+,")
_LAST_MARKS = re.compile(r"[.!?;:,\s-]+$")


class SentenceTokenizer:
    """Byte-pair tokens of lower-case sentences, from a `tokenizer.json` file."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def read(cls, path: Path) -> SentenceTokenizer:
        """Raises `ModelError` when the file is missing or not a tokenizer."""
        return cls(open_tokenizer(path))

    @classmethod
    def fit(cls, sentences: Iterable[str], *, vocabulary: int) -> SentenceTokenizer:
        """Learn at most `vocabulary` tokens from plain sentences."""
        from tokenizers import decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Metaspace(prepend_scheme="first"),
                pre_tokenizers.Split(",", behavior="isolated"),
            ]
        )
        tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary, special_tokens=[END_TOKEN], min_frequency=2, show_progress=False
        )
        tokenizer.train_from_iterator(sentences, trainer)
        return cls(tokenizer)

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return self._tokenizer.get_vocab_size()

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Ids of plain sentences, without `END`; characters that no token has are left out."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(sentences))]

    def decode(self, ids: Sequence[int]) -> str:
        """Ids, up to the first `END`, as a sentence to display: a capital first and a full stop last."""
        ids = list(ids)
        if END in ids:
            ids = ids[: ids.index(END)]
        return as_sentence(self._tokenizer.decode(ids))

    def save(self, path: Path) -> None:
        """Write the `tokenizer.json`."""
        self._tokenizer.save(str(path))


def as_sentence(text: str) -> str:
    """A text to display: a capital first and a full stop last."""
    text = text.strip()
    return f"{text[0].upper()}{text[1:]}." if text else ""


def plain(sentence: str) -> str:
    """A caption as the decoder learns it: lower case, single spaces, without quotes and final punctuation."""
    text = sentence.lower().replace("’", "'")
    text = _SPACE_BEFORE_COMMA.sub(",", _QUOTES.sub(" ", _SPLIT_ENDINGS.sub(r"\1", text)))
    return " ".join(_LAST_MARKS.sub("", text).split())
