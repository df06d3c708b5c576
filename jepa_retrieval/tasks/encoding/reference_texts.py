"""Texts that scores are compared with: neutral descriptions, and sentences of what pictures commonly show."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def neutral_texts() -> tuple[str, ...]:
    """Short descriptions of very different things, written for this project."""
    return _lines("neutral_texts.txt")


@cache
def ordinary_sentences() -> tuple[str, ...]:
    """Sentences of what pictures commonly show."""
    return _lines("ordinary_sentences.txt")


def _lines(name: str) -> tuple[str, ...]:
    text = files("jepa_retrieval.tasks.encoding").joinpath("data", name).read_text("utf-8")
    return tuple(line for line in text.splitlines() if line.strip())
