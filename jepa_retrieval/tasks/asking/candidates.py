"""Candidate texts in the shared space: the labels of a classification, the answers of a question.

Dimension letters: B embeddings, K candidates, T texts, E embedding size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_retrieval.arguments import as_list
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.text_embeddings import cached_text_embeddings
from jepa_retrieval.text_files import read_lines

PLAIN = ("{}",)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A label or an answer, and the texts that stand for it: of several, the probabilities are added.

    A broad category is told better by what it holds ("a dog", "a bird") than by its name: CHiLS, Novack et al.,
    arXiv 2302.02551.
    """

    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its score."""

    name: str
    score: float  # cosine, -1 to 1; more for a yes, or a label of several texts, by what `CandidateSet` and `ask` add
    probability: float  # softmax over all candidates at the model's temperature; not calibrated


def parse_candidates(names: Sequence[str | Candidate], *, what: str = "candidates") -> list[Candidate]:
    """Candidates from their names; `NAME<TAB>TEXT<TAB>TEXT` gives the texts that stand for a name.

    Args:
        names: a list; a single string is refused.
        what: name of the argument, for errors.

    Raises:
        UsageError: `names` is no list, there is none in it, one is blank, or two have the same name.
    """
    listed = as_list(what, names, str, Candidate, example="['beach', 'forest']")
    found = [_parse(name) if isinstance(name, str) else name for name in listed]
    if not found:
        raise UsageError("there are no candidates: give at least one label or answer")
    seen: set[str] = set()
    for candidate in found:
        as_list(f"texts of the candidate {candidate.name!r}", candidate.texts, example="('a dog', 'a bird')")
        if not candidate.name or not all(candidate.texts):
            raise UsageError("a label or an answer is empty")
        if candidate.name in seen:
            raise UsageError(f"{candidate.name!r} is given twice")
        seen.add(candidate.name)
    return found


def read_candidates(path: Path) -> list[Candidate]:
    """Candidates of a text file, one a line, in the form of `parse_candidates`; UsageError names the file."""
    try:
        return parse_candidates(read_lines(path))
    except UsageError as error:
        text = str(error)
        raise error if text.startswith(str(path)) else UsageError(f"{path}: {text}") from None


class CandidateSet:
    """K candidates, encoded."""

    def __init__(
        self, candidates: Sequence[Candidate], model: Model, *, templates: Sequence[str] = PLAIN
    ) -> None:
        """Encode the candidates' texts in every template.

        Args:
            candidates: labels or answers.
            model: its Y-Encoder is used.
            templates: texts with `{}` in the candidate's place. The unit embeddings of all templates are averaged
                and scaled to unit length: the ensemble of CLIP, Radford et al., arXiv 2103.00020.
        """
        templates = as_list("templates", templates, example="['a photo of {}']")
        for template in templates:
            if "{}" not in template:
                raise UsageError(f"the template {template!r} has no {{}}, which stands for the label")
        if not templates:
            raise UsageError("there are no templates: give at least one, such as '{}'")
        self.names = tuple(candidate.name for candidate in candidates)
        self._temperature = model.temperature
        counts = [len(candidate.texts) for candidate in candidates]
        self._first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        texts = [text for candidate in candidates for text in candidate.texts]
        filled = [template.replace("{}", text) for template in templates for text in texts]
        embeddings = (
            cached_text_embeddings(filled, model).reshape(len(templates), len(texts), -1).mean(axis=0)
        )
        self.embeddings: np.ndarray = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)  # [T, E]

    def scores(self, embeddings: np.ndarray) -> np.ndarray:
        """Cosine of each embedding, float [B, E], to each candidate: float32 [B, K].

        Of a candidate with several texts it is the one cosine that has the probability of all of them together:
        temperature * log of the sum of exp(cosine / temperature).
        """
        cosines = embeddings.astype(np.float32) @ self.embeddings.T
        if not len(cosines) or len(self._first) == cosines.shape[1]:
            return cosines[:, self._first]
        together: np.ndarray = np.logaddexp.reduceat(cosines / self._temperature, self._first, axis=1)
        return (together * self._temperature).astype(np.float32)

    def ranked(
        self, scores: np.ndarray, *, temperature: float, top: int, also: str | None = None
    ) -> list[Scored]:
        """The best `top` candidates of one row of scores [K], best first.

        Args:
            scores: cosines to all candidates.
            temperature: of the softmax.
            top: how many to return.
            also: a candidate that is returned in any case, last if it is not among the best.
        """
        probability = softmax(scores, temperature)
        rows = np.argsort(-scores, kind="stable")[:top].tolist()
        if also is not None and (wanted := self.names.index(also)) not in rows:
            rows.append(wanted)
        return [Scored(self.names[row], float(scores[row]), float(probability[row])) for row in rows]


def softmax(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Cosines [..., K] to probabilities: exp(score / temperature), scaled to a sum of 1."""
    weights = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    probabilities: np.ndarray = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities


def _parse(line: str) -> Candidate:
    name, *texts = (part.strip() for part in line.split("\t"))
    return Candidate(name, tuple(texts) or (name,))
