"""Batches of a phase: tokens, queries and target texts, drawn as a pure function of the seed and the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.data.mixing import Draw, Mixer
from jepa_retrieval.training.token_cache import TokenBank


@dataclass
class Batch:
    """What one process sees in one step: B visuals with a query and K right texts each."""

    tokens: Tensor  # S_V float16 or float32 [B, N, D]
    queries: list[str]  # B
    targets: list[str]  # B * K, the texts of a visual together
    target_ids: Tensor  # int64 [B, K], rows of the TextTable

    def split(self, size: int) -> list[Batch]:
        """Micro batches of at most `size` visuals; 0: the batch itself."""
        if not size or size >= len(self.queries):
            return [self]
        texts = self.target_ids.shape[1]
        return [
            Batch(
                self.tokens[start : start + size],
                self.queries[start : start + size],
                self.targets[start * texts : (start + size) * texts],
                self.target_ids[start : start + size],
            )
            for start in range(0, len(self.queries), size)
        ]


class TextTable:
    """Every different target text of a run, by number."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.numbers: dict[str, int] = {}
        for source in sources:
            for example in source.examples:
                for text in example.targets:
                    self.numbers.setdefault(text, len(self.numbers))

    @property
    def texts(self) -> list[str]:
        """In order of their numbers."""
        return list(self.numbers)


class PhaseBatches(Dataset[Batch]):
    """Item i is this process's part of the batch of step i of a phase."""

    def __init__(
        self,
        sources: Sequence[Source],
        banks: Sequence[TokenBank | None],
        table: TextTable,
        mixer: Mixer,
        *,
        steps: int,
        positives: int,
        seed: int,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        """`banks` are per source, None for those that the mixer never draws from."""
        self._sources, self._banks, self._table, self._mixer = sources, banks, table, mixer
        self._steps, self._positives, self._seed = steps, positives, seed
        self._rank, self._processes = rank, processes

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        draws = self._mixer.batch(step)
        # Chances are drawn for the joint batch, so that it is the same however many processes share it.
        chances = np.random.default_rng([self._seed, 1, step]).random((len(draws), 1 + self._positives))
        size = len(draws) // self._processes
        mine = slice(self._rank * size, (self._rank + 1) * size)
        return self._assemble(draws[mine], chances[mine])

    def _assemble(self, draws: list[Draw], chances: np.ndarray) -> Batch:
        examples = [self._sources[draw.source].examples[draw.example] for draw in draws]
        texts = [
            text
            for example, chance in zip(examples, chances[:, 1:], strict=True)
            for text in _choose(example.targets, chance)
        ]
        numbers = torch.tensor([self._table.numbers[text] for text in texts])
        parts = []
        # Draws of a source stand together.
        for source in dict.fromkeys(draw.source for draw in draws):
            bank = self._banks[source]
            assert bank is not None
            places = [place for place, draw in enumerate(draws) if draw.source == source]
            rows = np.array([examples[place].visual for place in places])
            parts.append(bank.get(rows, (chances[places, 0] * bank.views).astype(int)))
        tokens = torch.cat([part.to(parts[0].dtype) for part in parts]) if len(parts) > 1 else parts[0]
        return Batch(tokens, [example.query for example in examples], texts, numbers.view(len(draws), -1))


def _choose(targets: Sequence[str], chances: np.ndarray) -> list[str]:
    """As many texts as chances, none twice before each was taken once."""
    chosen: list[str] = []
    left: list[str] = []
    for chance in chances:
        left = left or list(targets)
        chosen.append(left.pop(int(chance * len(left))))
    return chosen
