"""What `Library` answers from stored tokens and embeddings, without opening a media file: labels and questions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jepa_retrieval.errors import UsageError

if TYPE_CHECKING:
    from indexes import Index
    from jepa_retrieval.models.parts import Model
    from jepa_retrieval.tasks.asking.ask import Answers
    from jepa_retrieval.tasks.asking.candidates import Candidate
    from jepa_retrieval.tasks.asking.classify import Classification
    from jepa_retrieval.tasks.searching.stored_clips import Per


class Questions(ABC):
    """The part of a library that names and answers. The modules that do it are imported when they are needed."""

    @property
    @abstractmethod
    def records(self) -> Index:
        """The index."""

    @property
    @abstractmethod
    def model(self) -> Model:
        """The model that the index was made with."""

    def classify(
        self,
        labels: Sequence[str | Candidate],
        *,
        templates: Sequence[str] | None = None,
        per: Per = "file",
        top: int = 5,
        prompt: str | None = None,
        where: str | None = None,
    ) -> Classification:
        """Name what clips, moments or files show.

        Args:
            labels: the candidates: names, or `Candidate`s with the texts that stand for them.
            templates: sentences around a label, with `{}` in its place; None for the default ensemble.
            per: "clip"; "moment": neighbours with the same best label are one; "file": over all clips of a file, each
                weighted by its duration.
            top: most labels of an item.
            prompt: a query under which embeddings are predicted anew from the stored tokens; None: the stored ones.
            where: SQL condition over the clips' columns, as in `search`.

        Raises:
            UsageError: no labels, a template without `{}`, or a prompt where the model or the index takes none.
            FilterError: `where` is not valid.
        """
        from jepa_retrieval.tasks.asking.classify import classify
        from jepa_retrieval.tasks.searching.stored_clips import Selection

        chosen = Selection(where)
        found = classify(
            self.records,
            self.model,
            labels,
            templates=templates,
            per=per,
            top=top,
            prompt=prompt,
            selection=chosen,
        )
        return found.seen_in(self)

    def ask(
        self,
        question: str,
        *,
        answers: Sequence[str | Candidate] | None = None,
        answer: str | None = None,
        per: Per = "moment",
        top: int = 5,
        where: str | None = None,
        search: str | None = None,
        clips: int = 100,
    ) -> Answers:
        """Answer a question about clips, moments or files.

        Args:
            question: in any words that the model knows.
            answers: the candidates; None: yes and no where the question asks for them, else the model's own answers.
            answer: one of the candidates; items are ranked by its probability.
            per: "clip"; "moment": neighbours with the same answer are one; "file": over all clips of a file, each
                weighted by its duration.
            top: most answers of an item.
            where: SQL condition over the clips' columns, as in `search`.
            search: ask only about the clips nearest to this text.
            clips: with `search`, how many.

        Raises:
            UsageError: an empty question or search, an answer that is no candidate, a model that takes no questions,
                an index without tokens.
            FilterError: `where` is not valid.
        """
        from jepa_retrieval.tasks.asking.ask import ask
        from jepa_retrieval.tasks.searching.stored_clips import Selection

        chosen = Selection(where)
        if search is not None:
            if not search.strip():
                raise UsageError("the text to search for is empty")
            vector = self.model.y_encoder.encode([search])
            hits = self.records.search(vector, k=clips, where=where)[0]
            chosen = Selection(clip_ids=[hit.clip_id for hit in hits])
        found = ask(
            self.records,
            self.model,
            question,
            answers=answers,
            answer=answer,
            per=per,
            top=top,
            selection=chosen,
        )
        return found.seen_in(self)

    @abstractmethod
    def thumbnail(self, clip_id: int) -> bytes | None:
        """The JPEG of a clip; None if it has none."""
