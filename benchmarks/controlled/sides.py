"""The two sides of the comparison behind one interface: trained on the same batches, evaluated in the same way.

Dimension letters: B pictures, N visual tokens, D their width, C texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from benchmarks.controlled.generator import KeyValueCache, TokenGenerator
from jepa_retrieval.models.parts import YDecoder
from jepa_retrieval.models.sentences import END, SentenceTokenizer, plain
from jepa_retrieval.training.batches import Batch
from jepa_retrieval.training.config import OptimConfig
from jepa_retrieval.training.engine import Trainer
from jepa_retrieval.training.optim import build_optimizer, build_schedule

ROWS_AT_ONCE = 2048  # pairs of picture and text whose likelihood is computed together

Stored = TypeVar("Stored")


class Side(Protocol, Generic[Stored]):
    """A model that learns from pictures and their captions."""

    name: str

    def train_step(self, batch: Batch) -> Tensor:
        """One update of the weights; the loss."""

    def store(self, tokens: Tensor) -> Stored:
        """What an index would store of pictures, S_V [B, N, D]: everything that does not depend on a text."""

    def scores(self, stored: Stored, texts: Sequence[str]) -> Tensor:
        """How well each text fits each picture: float [B, C], higher is better."""

    def caption(self, stored: Stored) -> list[str]:
        """A caption for each picture."""


class EmbeddingSide:
    """VL-JEPA: InfoNCE between Ŝ_Y and S_Y; captions come from a Y-Decoder that was never trained on pictures."""

    name = "VL-JEPA"

    def __init__(self, trainer: Trainer, y_decoder: YDecoder) -> None:
        self._trainer, self._y_decoder = trainer, y_decoder
        self._learner = trainer.learner

    def train_step(self, batch: Batch) -> Tensor:  # noqa: D102
        self._learner.model.train()
        return self._trainer.train_step(batch)

    @torch.no_grad()
    def store(self, tokens: Tensor) -> Tensor:
        """Ŝ_Y, float [B, E]."""
        self._learner.model.eval()
        with torch.autocast("cpu", torch.bfloat16):
            predicted = self._learner.predict(tokens, [""] * len(tokens))
        return nn.functional.normalize(predicted.float(), dim=-1)

    @torch.no_grad()
    def scores(self, stored: Tensor, texts: Sequence[str]) -> Tensor:  # noqa: D102
        return stored @ self._learner.embed_texts(texts).float().T

    def caption(self, stored: Tensor) -> list[str]:  # noqa: D102
        return [sentence.text for sentence in self._y_decoder.decode(stored.numpy())]


class TokenSide:
    """The generator: cross-entropy of the caption's tokens."""

    name = "token generator"

    def __init__(
        self,
        module: TokenGenerator,
        tokenizer: SentenceTokenizer,
        optim: OptimConfig,
        *,
        steps: int,
        max_tokens: int,
    ) -> None:
        """`max_tokens`: of a sentence, `END` included; longer ones are cut."""
        self.module, self._tokenizer, self._max_tokens = module, tokenizer, max_tokens
        self._clip_norm = optim.clip_norm
        self._optimizer = build_optimizer(module.parameters(), nn.Module(), optim)
        self._schedule = build_schedule(self._optimizer, optim, steps=steps)

    def train_step(self, batch: Batch) -> Tensor:  # noqa: D102
        self.module.train()
        self._optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            loss = self.module.loss(batch.tokens.float(), *self.words(batch.targets))
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), self._clip_norm)
        self._optimizer.step()
        self._schedule.step()
        return loss.detach()

    def store(self, tokens: Tensor) -> KeyValueCache:
        """Keys and values of the visual tokens."""
        self.module.eval()
        with torch.autocast("cpu", torch.bfloat16):
            return self.module.begin(tokens.float())

    def scores(self, stored: KeyValueCache, texts: Sequence[str]) -> Tensor:
        """The negative logarithm of the perplexity."""
        self.module.eval()
        ids, lengths = self.words(texts)
        pictures, at_once = stored.keys.shape[1], max(1, ROWS_AT_ONCE // len(texts))
        parts = []
        for start in range(0, pictures, at_once):
            some = stored.rows(slice(start, start + at_once))
            count = some.keys.shape[1]
            with torch.autocast("cpu", torch.bfloat16):
                found = self.module.log_likelihood(
                    some.repeat(len(texts)), ids.repeat(count, 1), lengths.repeat(count)
                )
            parts.append(found.view(count, len(texts)))
        return torch.cat(parts)

    def caption(self, stored: KeyValueCache) -> list[str]:  # noqa: D102
        self.module.eval()
        with torch.autocast("cpu", torch.bfloat16):
            said = self.module.generate(stored, max_tokens=self._max_tokens - 1)
        return [self._tokenizer.decode(ids) for ids in said]

    def words(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids [B, T + 1], `END` first, after the last and as padding, and how many follow the first, [B]."""
        sentences = [
            ids[: self._max_tokens - 1] for ids in self._tokenizer.encode([plain(text) for text in texts])
        ]
        ids = torch.full((len(sentences), max(map(len, sentences)) + 2), END)
        for row, words in enumerate(sentences):
            ids[row, 1 : 1 + len(words)] = torch.tensor(words, dtype=torch.long)
        return ids, torch.tensor([len(words) + 1 for words in sentences])


AnySide = Side[Any]
