"""Ranges of common settings: an untrusted config must not ask for more than any real model has."""

from __future__ import annotations

from typing import Annotated

from jepa_retrieval.errors import ModelError
from jepa_retrieval.settings import Within

Layers = Annotated[int, Within(1, 256)]
Heads = Annotated[int, Within(1, 1024)]
Width = Annotated[int, Within(1, 65_536)]
OptionalWidth = Annotated[int, Within(0, 65_536)]  # 0: the part is absent
Vocabulary = Annotated[int, Within(1, 10_000_000)]
Tokens = Annotated[int, Within(1, 1_000_000)]
OptionalTokens = Annotated[int, Within(0, 1_000_000)]
Pixels = Annotated[int, Within(1, 4096)]
Grid = Annotated[int, Within(0, 64)]  # cells per side; 0: none
MlpRatio = Annotated[float, Within(0.1, 64.0)]
Frames = Annotated[int, Within(1, 1024)]
Share = Annotated[float, Within(0.0, 1.0)]
Dropout = Annotated[float, Within(0.0, 0.99)]
Epsilon = Annotated[float, Within(0.0, 1.0)]
RopeTheta = Annotated[float, Within(1.0, 1e12)]
Temperature = Annotated[float, Within(1e-4, 100.0)]  # of a softmax over cosines


def check_multiple(name: str, value: int, of: str, divisor: int) -> None:
    """`ModelError` unless `value`, the setting `name`, is a multiple of `divisor`, the setting `of`."""
    if value % divisor:
        raise ModelError(f"{name} {value} is not a multiple of {of} {divisor}")
