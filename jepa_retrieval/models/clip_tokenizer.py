"""CLIP's byte-pair tokenizer without PyTorch: the ids of open_clip's `SimpleTokenizer`, made by `tokenizers`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import ftfy
import numpy as np
import regex
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.tokenizer import TokenIds, check_texts, open_tokenizer

START, END = "<start_of_text>", "<end_of_text>"
# Split by `regex` as in open_clip, and not inside `tokenizers`, which follows another version of Unicode.
_WORDS = regex.compile(
    rf"{START}|{END}|'s|'t|'re|'ve|'m|'ll|'d|[\p{{L}}]+|[\p{{N}}]|[^\s\p{{L}}\p{{N}}]+", regex.IGNORECASE
)


class ClipTokenizer:
    """A file that `build` wrote; texts get start and end marks and all have the tower's full length."""

    def __init__(self, path: Path, *, length: int) -> None:
        """`length`: tokens of every text, marks included. Raises `ModelError` when the file is damaged."""
        self._tokenizer = open_tokenizer(path)
        vocabulary = self._tokenizer.get_vocab()
        if START not in vocabulary or END not in vocabulary:
            raise ModelError(f"{path}: not CLIP's tokenizer (it lacks {START} or {END})")
        self._start, self._end = vocabulary[START], vocabulary[END]
        self._length = length

    def __call__(self, texts: Sequence[str]) -> TokenIds:
        """B texts to ids [B, L], zero after the end mark. The tower needs no mask, which is 1 throughout.

        Raises:
            UsageError: a text is not valid Unicode.
        """
        check_texts(texts)
        ids = np.zeros((len(texts), self._length), dtype=np.int64)
        words = [_WORDS.findall(_clean(text)) for text in texts]
        encoded = self._tokenizer.encode_batch(words, is_pretokenized=True, add_special_tokens=False)
        for row, encoding in enumerate(encoded):
            tokens = [self._start, *encoding.ids[: self._length - 2], self._end]
            ids[row, : len(tokens)] = tokens
        return TokenIds(ids, np.ones_like(ids))

    def unknown_words(self, text: str) -> list[str]:
        """Always empty: every text is tokenized byte by byte."""
        check_texts([text])
        return []


def build(vocabulary: Mapping[str, int], merges: Iterable[tuple[str, str]]) -> Tokenizer:
    """The tokenizer of a byte-pair vocabulary, in which a word's last symbol ends with `</w>`."""
    tokenizer = Tokenizer(models.BPE(dict(vocabulary), list(merges), end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in (START, END)])
    return tokenizer


def _clean(text: str) -> str:
    """open_clip's own cleaning: repair broken Unicode and HTML, one space between words, lower case."""
    mended = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(mended.split()).lower()
