import numpy as np
import pytest

from jepa_retrieval.tasks.asking.yes_no import StatementEvidence, statement_of
from tests.jepa_retrieval.tasks.conftest import HandModel, unit


@pytest.mark.parametrize(
    ("question", "statement"),
    [
        ("Is there a dog?", "there is a dog"),
        ("are there any people", "there are any people"),
        ("Is the man riding a horse?", "the man riding a horse"),
        ("Does it rain?", "it rain"),
        ("Can you see a boat?", "a boat"),
        ("Is?", ""),
    ],
)
def test_a_question_becomes_what_is_so_if_the_answer_is_yes(question: str, statement: str) -> None:
    assert statement_of(question) == statement


def test_evidence_rises_with_what_is_seen(model: HandModel) -> None:
    seen = np.stack([unit("car"), unit("dog", "car"), unit("dog")])
    odds = StatementEvidence("Is there a dog?", model).log_odds(seen)
    assert odds[0] < odds[1] < odds[2]
    assert odds[0] < 0 < odds[2]
