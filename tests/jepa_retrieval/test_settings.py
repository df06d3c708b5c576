"""Settings from files of others: read strictly, or refused with the setting's name; never anything else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.settings import Within, read_settings


@dataclass(frozen=True)
class Round:
    kind: Literal["round"]
    radius: float = 1.0


@dataclass(frozen=True)
class Square:
    kind: Literal["square"]
    side: Annotated[int, Within(1, 9)] = 1


@dataclass(frozen=True)
class Settings:
    name: str
    shape: Round | Square
    sizes: tuple[int, ...] = ()
    labels: dict[str, str] | None = None
    open: bool = False


GOOD = {"name": "a", "shape": {"kind": "square", "side": 3}, "sizes": [1, 2], "labels": {"a": "b"}}

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
anything = st.recursive(
    plain | st.just(10**400) | st.just("\ud800") | st.just("a\0b"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def read(value: object) -> Settings:
    return read_settings(Settings, value, where="file.json", error=UsageError)


@given(st.dictionaries(st.sampled_from([*GOOD, "shape.kind", "x"]), anything))
def test_any_value_anywhere_is_read_or_refused_by_name(changes: dict[str, Any]) -> None:
    document = json.loads(json.dumps(GOOD))
    for key, value in changes.items():
        if key == "shape.kind":
            document["shape"] = {"kind": value}
        else:
            document[key] = value
    try:
        settings = read(document)
    except UsageError as error:
        assert str(error).startswith("file.json: ") and len(str(error)) < 1000
    else:
        assert read(asdict(settings)) == settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": {"kind": []}}, r"shape\.kind is \[\] \(allowed: round, square\)"),
        ({"shape": {"kind": "square", "side": 10}}, r"shape\.side is 10 \(allowed: 1 to 9\)"),
        ({"shape": {"kind": "round", "radius": 10**400}}, r"shape\.radius must be a finite number, not inf"),
        ({"shape": {"kind": "round", "radius": float("nan")}}, r"shape\.radius must be a finite number"),
        ({"name": "\ud800"}, "name must be a text without"),
        ({"name": "x" * 10**6 + "\0"}, "name must be a text without"),
        ({"labels": {1: "a"}}, "labels must hold settings"),
        ({"sizes": [True]}, r"sizes\.0 must be a whole number, not True"),
        ({"y" * 10**6: 1}, "is not a setting"),
    ],
)
def test_the_message_says_what_is_allowed_and_stays_short(changes: dict[Any, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(GOOD | changes)
    assert len(str(caught.value)) < 1000
