import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.models.queries import normal_prompt, normal_question


@pytest.mark.parametrize(
    "written",
    ["what is on the desk ", "What is on  the desk?", "what is on the desk ??", " What is on the desk"],
)
def test_every_way_to_write_a_question_is_one_question(written: str) -> None:
    assert normal_question(written) == "What is on the desk?"


@given(st.text())
def test_a_normal_question_stays_as_it_is(text: str) -> None:
    assert normal_question(normal_question(text)) == normal_question(text)


def test_a_prompt_need_not_be_a_question() -> None:
    assert normal_prompt(" describe the video") == "describe the video"
    assert normal_prompt("what is it?") == "What is it?"
    assert normal_prompt("") == ""
