"""Labels and questions."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from jepa_retrieval.serving.schemas.common import Filter, Id, IndexNames, Received, Text, example

MAX_CANDIDATES = 1000
MAX_ITEMS = 1000

Names = Annotated[list[Text], Field(min_length=1, max_length=MAX_CANDIDATES)]
Limit = Annotated[int, Field(ge=1, le=MAX_ITEMS)]


class _Asked(Received):
    """What questions about labels and answers have in common: which clips they are about."""

    media_id: Id | None = Field(default=None, description="Only this file.")
    filter: Filter | None = None
    indexes: IndexNames | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.media_id is not None and self.indexes is not None:
            raise ValueError("indexes cannot be given with media_id")
        return self


class ClassifyRequest(_Asked):
    """Which labels to choose from, and for what."""

    labels: Names = Field(
        description="Names; `NAME<TAB>TEXT<TAB>TEXT` gives the texts that stand for a name."
    )
    per: Literal["clip", "moment", "file"] = Field(
        default="file", description="`moment` joins neighbouring clips with the same best label."
    )
    templates: Annotated[list[Text], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Sentences with {} where the label goes."
    )
    top_k: int = Field(default=3, ge=1, le=MAX_CANDIDATES, description="Labels of each item.")
    limit: Limit = Field(default=200, description="Items at most; `total` says how many there are.")

    model_config = example({"labels": ["beach", "forest", "city"], "media_id": 0, "per": "moment"})


class AskRequest(_Asked):
    """A question about clips, moments or files."""

    question: Text
    answers: Names | None = Field(
        default=None, description="What to choose from; the model's own by default."
    )
    answer: Text | None = Field(
        default=None, description="Items are ordered by the probability of this answer."
    )
    search: Text | None = Field(default=None, description="Only the clips nearest to this text.")
    clips: int = Field(default=100, ge=1, le=10_000, description="With `search`, how many.")
    per: Literal["clip", "moment", "file"] = "moment"
    top_k: int = Field(default=3, ge=1, le=MAX_CANDIDATES, description="Answers of each item.")
    limit: Limit = Field(default=200, description="Items at most; `total` says how many there are.")

    model_config = example({"question": "Is there a dog?", "answer": "yes", "search": "a dog", "limit": 10})

    @model_validator(mode="after")
    def _clips_of_a_search(self) -> AskRequest:
        if self.search is None and "clips" in self.model_fields_set:
            raise ValueError("clips needs search")
        return self


class Choice(BaseModel):
    """A label or an answer."""

    name: str
    score: float
    probability: float = Field(description="Among the candidates; not calibrated.")


class Item(BaseModel):
    """A clip, a moment or a file, and what was chosen for it."""

    media_id: int
    clip_id: int | None = Field(description="The clip, or the longest one in it.")
    index: str
    path: str
    start: float | None
    end: float | None
    choices: list[Choice] = Field(description="The most probable first.")
    said: str | None = Field(
        default=None, description="Of questions: what is said in it, if the index knows."
    )
    written: str | None = Field(default=None, description="Likewise what is written in it.")
    thumbnail_url: str


class Chosen(BaseModel):
    """Labels by file and time; answers by the probability of the one that was asked for, else by file and time."""

    data: list[Item]
    total: int = Field(description="Items that there are, of which `data` has the first.")
    candidates: list[str]
    index_version: str
    elapsed_ms: float
    warnings: list[str]
