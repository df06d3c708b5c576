"""Words that a model does not know are said, and nothing is said of those that it does."""

import pytest

from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.encoding.known_words import check_words, known_share

KNOWN = [
    "a dog on the beach", "dachshund", "kitesurfing", "naïve café", "crème brûlée", "dog 🐶 on the beach",
    "x", "E=mc²", "las vegas at night", "la la land", "de Gaulle", "le mans race", "don't", "2:beach",
    "people on a beach (at sunset)", "a man with a t-shirt that says 'hola'", "São Paulo carnaval",
    "", "...", "1234",
]  # fmt: skip
OTHER_SCRIPTS = [
    "кошка",
    "кошка на пляже",
    "猫",
    "🐱",
    "犬がビーチを走る",
    "θάλασσα",
    "고양이",
    "قطة",
    "חתול",
    "แมว",
]
OTHER_LANGUAGES = [
    "chat sur la plage", "un chien qui court", "L'homme court dans la rue", "ein Mann fährt Fahrrad",
    "Löwen und Tiger im Zoo", "perro en la playa", "un hombre con una guitarra", "il gatto sul tavolo",
]  # fmt: skip


@pytest.fixture(scope="module")
def nano():
    return load_model("nano")


def test_english_is_known(nano) -> None:
    for text in KNOWN:
        knowledge = check_words([text], nano)
        assert (knowledge.factor, knowledge.warnings) == (1.0, ()), text


def test_other_scripts_and_pictures_are_not(nano) -> None:
    for text in OTHER_SCRIPTS:
        assert known_share(text, nano) == 0.0, text
    knowledge = check_words(["a cat", "кошка"], nano)
    assert (knowledge.factor, len(knowledge.warnings)) == (0.0, 1)
    assert "'кошка': it was trained on English" in knowledge.warnings[0]
    assert "'a cat'" not in knowledge.warnings[0]


def test_other_languages_are_known_by_their_function_words(nano) -> None:
    for text in OTHER_LANGUAGES:
        assert 0 < check_words([text], nano).factor < 1, text


def test_a_mixture_is_known_by_the_share_of_its_words(nano) -> None:
    assert known_share("a cat 猫", nano) == pytest.approx(2 / 3)
    assert check_words(["a cat 猫"], nano).factor == 1.0
    assert check_words(["猫 cat"], nano).factor == 0.5


def test_long_lists_are_named_in_short(nano) -> None:
    (warning,) = check_words([f"кошка {number}" * 20 for number in range(10)], nano).warnings
    assert "and 7 more" in warning and len(warning) < 400
