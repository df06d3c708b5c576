"""What a list of moments is worth: the note below a table of them."""

from __future__ import annotations

from collections.abc import Sequence

# The page says the same from the same confidences on (serving/page/search.js).
MIN_CONVINCING = 0.35  # a best hit that is less likely is a poor one
MIN_LIKELY = 0.05  # hits after the last one that is this likely are probably not what was described


def notes_of_unlikely(confidences: Sequence[float | None]) -> list[str]:
    """What to say of moments whose confidences are these, best first; None: not known."""
    if not confidences or None in confidences:
        return []
    notes = []
    best = max(value for value in confidences if value is not None)
    if best < MIN_CONVINCING:
        notes.append(f"What you describe is probably not there: the best has a confidence of {best:.0%}.")
    likely = [at for at, value in enumerate(confidences, start=1) if (value or 0.0) >= MIN_LIKELY]
    rest = len(confidences) - (likely[-1] if likely else 0)
    if rest and likely:
        last = f"The last {rest} of {len(confidences)} have" if rest > 1 else "The last one has"
        option = f"--min-confidence {MIN_LIKELY:g}"
        notes.append(
            f"{last} a confidence below {MIN_LIKELY:.0%}; {option} leaves {'them' if rest > 1 else 'it'} out."
        )
    return notes
