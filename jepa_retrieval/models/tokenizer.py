"""Text to token ids. Imports neither PyTorch nor transformers: a text query passes here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from tokenizers import Tokenizer

from indexes.reasons import first_line
from jepa_retrieval.arguments import as_list
from jepa_retrieval.errors import ModelError, UsageError

TOKENIZER_FILE = "tokenizer.json"


class TokenIds(NamedTuple):
    """A batch of texts as token ids."""

    ids: np.ndarray  # int64 [B, L]
    mask: np.ndarray  # int64 [B, L]; 1: a token, 0: padding


class Tokenise(Protocol):
    """Texts to token ids."""

    def __call__(self, texts: Sequence[str]) -> TokenIds:
        """B texts to ids and mask [B, L]."""
        ...

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text that there is no token for."""
        ...


def open_tokenizer(path: Path | str) -> Tokenizer:
    """The tokenizer of a `tokenizer.json`; `ModelError` when the file is missing or not a tokenizer."""
    try:
        return Tokenizer.from_file(str(path))
    except BaseException as error:  # the library raises a bare Exception, and its panics are not even that
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ModelError(f"{path}: not a readable tokenizer.json ({first_line(error)})") from error


def check_texts(texts: Sequence[str]) -> None:
    """Refuse texts with lone surrogates, as Python makes them of bytes that are not UTF-8.

    Raises:
        UsageError: they are no list of texts, or one is not valid Unicode.
    """
    for text in as_list("texts", texts, example="['a dog']"):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise UsageError(
                f"{text[:100]!r} is not valid text: it contains bytes that are not UTF-8"
            ) from None


class TextTokenizer:
    """A `tokenizer.json` file; texts are cut to `max_tokens` and padded on the right to the longest."""

    def __init__(self, path: Path | str, *, max_tokens: int) -> None:
        """Raises `ModelError` when the file is missing or not a tokenizer."""
        self._tokenizer = open_tokenizer(path)
        self._tokenizer.enable_truncation(max_tokens)
        # The id of padding does not matter: all that read the ids read the mask too.
        self._tokenizer.no_padding()

    def __call__(self, texts: Sequence[str]) -> TokenIds:
        """B texts to ids and mask [B, L]; L is the longest text's length and at least 1.

        Raises:
            UsageError: a text is not valid Unicode.
        """
        check_texts(texts)
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        length = max([1, *map(len, encoded)])
        ids = np.zeros((len(encoded), length), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(encoded):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return TokenIds(ids, mask)

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text that become the unknown mark; none if the tokenizer has no such mark.

        Raises:
            UsageError: the text is not valid Unicode.
        """
        check_texts([text])
        mark = getattr(self._tokenizer.model, "unk_token", None)
        unknown = None if mark is None else self._tokenizer.token_to_id(mark)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        offsets = zip(encoding.ids, encoding.offsets, strict=True)
        return [text[start:end] for number, (start, end) in offsets if number == unknown]
