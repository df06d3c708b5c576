"""The answer vocabulary of a model: the answers of the questions that it was trained on."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from indexes.files import write_atomically
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import load_config, save_config
from jepa_retrieval.models.storage import ANSWERS_FILE, CONFIG_FILE
from jepa_retrieval.training.config import QUESTION_FORMATS, TrainConfig
from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.data.sources import read_source

# Answers that were given only once are mostly peculiar to an annotator.
MIN_QUESTIONS = 2


def add_answers(folder: Path, recipe: TrainConfig) -> int:
    """Write the answers of a stage-2 recipe's questions into a model folder; returns how many there are.

    `jepa ask` chooses among them when no answers are given. Only training examples are read, so that answers of
    held-out media are not included.

    Raises:
        UsageError: the recipe asks no question, or a source cannot be read.
        ModelError: the folder holds no model.
    """
    config = load_config(folder / CONFIG_FILE)
    asking = [source for source in recipe.sources if source.format in QUESTION_FORMATS]
    answers = common_answers(read_source(source) for source in asking)
    if not answers:
        raise UsageError("no source of the recipe asks questions: there are no answers to export")
    write_atomically(folder / ANSWERS_FILE, ("\n".join(answers) + "\n").encode(), durable=False)
    save_config(dataclasses.replace(config, answers=ANSWERS_FILE), folder / CONFIG_FILE)
    return len(answers)


def common_answers(sources: Iterable[Source], *, min_questions: int = MIN_QUESTIONS) -> list[str]:
    """Answers to at least `min_questions` questions, the commonest first; ties in alphabetical order."""
    counts = Counter(
        text.replace("_", " ")  # DAQUAR writes "garbage_bin"
        for source in sources
        for example in source.examples
        if example.query
        for text in example.targets
    )
    common = [answer for answer, count in counts.items() if count >= min_questions]
    return sorted(common, key=lambda answer: (-counts[answer], answer))
