"""What the moments of a search are worth: what the command line, reports, notebooks and the server say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MIN_CONVINCING = 0.35  # if the best moment has a lower confidence, none is probably what was looked for
MIN_LIKELY = 0.05  # moments after the last one with this confidence are probably not what was looked for


@dataclass(frozen=True, slots=True)
class Verdict:
    """What moments are worth, by their confidences.

    Attributes:
        moments: how many there are.
        likely: how many there are up to the last likely one; all, if a confidence is not known.
        doubt: a sentence, if what was looked for is probably not there.
    """

    moments: int
    likely: int
    doubt: str | None

    @property
    def rest(self) -> str | None:
        """A sentence about the moments after the last likely one; None if there are none, or no likely ones."""
        rest = self.moments - self.likely
        if not rest or not self.likely:
            return None
        last = f"The last {rest} of {self.moments} have" if rest > 1 else "The last one has"
        return f"{last} a confidence below {MIN_LIKELY:.0%}."


def verdict_of(confidences: Sequence[float | None]) -> Verdict:
    """What moments with these confidences are worth, in their order. None: not known."""
    known = [value for value in confidences if value is not None]
    if len(known) < len(confidences) or not known:
        return Verdict(len(confidences), len(confidences), None)
    likely = max((at for at, value in enumerate(known, start=1) if value >= MIN_LIKELY), default=0)
    best = max(known)
    doubt = f"Probably not in this library: the best moment has a confidence of {best:.0%}."
    return Verdict(len(known), likely, doubt if best < MIN_CONVINCING else None)
