"""What a search returns, beside the query itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from jepa_retrieval.arguments import as_count, as_list, as_text
from jepa_retrieval.errors import UsageError

Sense = Literal["seen", "said", "written"]
SENSES: tuple[Sense, ...] = get_args(Sense)


class ManyOptions(TypedDict, total=False):
    """`SearchOptions` as keyword arguments."""

    top: int
    where: str | None
    per_file: bool
    min_confidence: float
    within: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What a search returns, beside the query itself."""

    top: int = 10  # at most so many moments
    where: str | None = None  # SQL over the clips' columns
    per_file: bool = False  # only the best moment of each file
    min_confidence: float = 0.0  # leave out hits with less
    within: Sequence[str] | None = (
        None  # of "seen", "said" and "written"; None: all that the index has, if the query is a text
    )

    def __post_init__(self) -> None:
        as_count("top", self.top)
        if not isinstance(self.min_confidence, int | float) or not 0 <= self.min_confidence <= 1:
            raise UsageError(f"min_confidence must be between 0 and 1, not {self.min_confidence!r}")
        if self.where is not None:
            as_text("where", self.where)
        if self.within is not None:
            _check_senses(self.within)


def _check_senses(within: Sequence[str]) -> None:
    given = as_list("within", within, str, example="['seen', 'said']")
    if not given or not set(given) <= set(SENSES):
        raise UsageError(f"within must be some of {', '.join(SENSES)}, not {', '.join(given) or 'none'}")
