"""Questions of yes or no: what they say, taken as a statement, and how well it fits what is seen.

"Is there a dog?" is true of a clip that "there is a dog" describes better than it describes unrelated texts. The
shared space knows that from captions, of which a model is taught far more than of the words yes and no.
"""

from __future__ import annotations

import re

import numpy as np

from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.text_embeddings import cached_text_embeddings
from jepa_retrieval.tasks.encoding.reference_texts import neutral_texts

YES_NO = ("yes", "no")
# A question that begins with one of these, and offers no choice, wants yes or no.
_ASKS_YES_NO = {
    "am", "are", "can", "could", "did", "do", "does", "had", "has", "have", "is", "may", "must", "should",
    "was", "were", "will", "would",
}  # fmt: skip

# Log odds of yes = offset + slope * z, yes and no being equally likely beforehand. Fitted by
# `python -m benchmarks.studies.fit_confidence` on Flickr8k's dev photographs.
OFFSET, SLOPE = -1.91, 1.46

_ONE_SEES = re.compile(r"^(you|we|one) see ", re.IGNORECASE)


def wants_yes_or_no(question: str) -> bool:
    """Whether the first word asks for yes or no, and the question offers no choice ("is it red or blue?")."""
    words = question.lower().split()
    return bool(words) and words[0] in _ASKS_YES_NO and "or" not in words


def statement_of(question: str) -> str:
    """What holds if the answer is yes: "Is there a dog?" to "there is a dog", "Is he running?" to "he running".

    Args:
        question: one that begins with a verb, as "is" or "does".
    """
    verb, *rest = question.replace("?", " ").split()
    if rest and rest[0].lower() == "there":
        return " ".join(["there", verb.lower(), *rest[1:]])
    return _ONE_SEES.sub("", " ".join(rest))


class StatementEvidence:
    """How strongly clips support a yes."""

    def __init__(self, question: str, model: Model) -> None:
        """Encode the statement; see `statement_of`."""
        self._statement = model.y_encoder.encode([statement_of(question)])[0]
        self._neutral = cached_text_embeddings(neutral_texts(), model)

    def log_odds(self, embeddings: np.ndarray) -> np.ndarray:
        """Log odds of yes, float32 [C], from Ŝ_Y of clips under the captioning prompt, float [C, E].

        The statement's cosine is compared with those of the neutral texts to the same clip.
        """
        seen = embeddings.astype(np.float32)
        neutral = seen @ self._neutral.T
        above = seen @ self._statement - neutral.mean(axis=1)
        odds: np.ndarray = OFFSET + SLOPE * above / np.maximum(neutral.std(axis=1), 1e-6)
        return odds
