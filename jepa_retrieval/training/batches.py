"""Batches of a phase: tokens or frames, queries and target texts, as a pure function of the seed and the step.

What is read as a stream is the exception: it comes in the order of its shards, and a run's state says where it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.data.mixing import Draw, Mixer
from jepa_retrieval.training.data.shard_stream import ShardStream
from jepa_retrieval.training.token_cache import OnlineTokens, StreamTokens, TokenBank

StreamStates = dict[str, Tensor]  # by "source/reader": where a stream is


@dataclass
class Batch:
    """What one process sees in one step, or a part of that: B visuals with a query and K right texts each."""

    # In the order of rows, either S_V float16 or float32 [b, N, D] or frames uint8 [b, T, S, S, 3].
    visuals: list[Tensor]
    queries: list[str]  # B
    targets: list[str]  # B * K, the texts of a visual together
    target_ids: Tensor  # int64 [B, K]; equal texts have equal numbers
    streams: StreamStates = field(default_factory=dict)  # after this batch

    @property
    def tokens(self) -> Tensor:
        """S_V float16 or float32 [B, N, D], where all visuals are tokens."""
        return torch.cat(self.visuals) if len(self.visuals) > 1 else self.visuals[0]

    def split(self, size: int) -> list[Batch]:
        """Micro batches of at most `size` visuals; 0: the batch itself."""
        if not size or size >= len(self.queries):
            return [self]
        texts = self.target_ids.shape[1]
        return [
            Batch(
                _rows(self.visuals, start, start + size),
                self.queries[start : start + size],
                self.targets[start * texts : (start + size) * texts],
                self.target_ids[start : start + size],
            )
            for start in range(0, len(self.queries), size)
        ]

    def pin_memory(self) -> Batch:
        """For a data loader: from pinned memory a GPU reads while it computes."""
        return replace(self, visuals=[part.pin_memory() for part in self.visuals])


def text_number(text: str) -> int:
    """A number of 63 bits, the same for a text in every process."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class PhaseBatches(Dataset[Batch]):
    """Item i is this process's part of the batch of step i of a phase."""

    def __init__(
        self,
        sources: Sequence[Source],
        banks: Sequence[TokenBank | None],
        mixer: Mixer,
        *,
        steps: int,
        positives: int,
        seed: int,
        rank: int = 0,
        processes: int = 1,
        readers: int = 1,
        streams: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Nothing is read yet.

        Args:
            sources: all of the run.
            banks: per source, None for those that the mixer never draws from.
            mixer: draws the examples.
            steps: of the phase.
            positives: texts drawn for each visual.
            seed: of the phase.
            rank: of this process.
            processes: that share the batch.
            readers: of each stream in this process.
            streams: where streams continue; those that are not named start at their beginning.
        """
        self._sources, self._banks, self._mixer = sources, banks, mixer
        self._steps, self._positives, self._seed = steps, positives, seed
        self._rank, self._processes, self._readers = rank, processes, readers
        self._states = dict(streams or {})
        self._streams: dict[str, ShardStream] = {}
        self._last: tuple[int, list[Draw], np.ndarray] | None = None  # for the other parts of a step

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        return self.part(step)

    @property
    def is_decoded(self) -> bool:
        """Whether media are decoded for a batch, rather than read as tokens."""
        return any(isinstance(bank, OnlineTokens | StreamTokens) for bank in self._banks)

    def part(self, step: int, begin: int = 0, end: int | None = None, *, reader: int = 0) -> Batch:
        """Some rows of this process's part of a step's batch; streams are read by one of their readers."""
        draws, chances = self._drawn(step)
        size = len(draws) // self._processes
        first = self._rank * size
        mine = slice(first + begin, first + min(size, size if end is None else end))
        return self._assemble(draws[mine], chances[mine], reader)

    def _drawn(self, step: int) -> tuple[list[Draw], np.ndarray]:
        if self._last is None or self._last[0] != step:
            draws = self._mixer.batch(step)
            # Random numbers are drawn for the joint batch, which is thus the same for any number of processes.
            chances = np.random.default_rng([self._seed, 1, step]).random((len(draws), 1 + self._positives))
            self._last = step, draws, chances
        return self._last[1:]

    def _assemble(self, draws: list[Draw], chances: np.ndarray, reader: int) -> Batch:
        batch = Batch([], [], [], torch.empty(0))
        # Draws of a source stand together.
        for source in dict.fromkeys(draw.source for draw in draws):
            places = [place for place, draw in enumerate(draws) if draw.source == source]
            some = chances[places]
            bank = self._banks[source]
            assert bank is not None
            views = (some[:, 0] * bank.views).astype(int)
            if isinstance(bank, StreamTokens):
                self._take(batch, source, bank, views, reader)
                continue
            examples = [self._sources[source].examples[draws[place].example] for place in places]
            rows = np.array([example.visual for example in examples])
            get = bank.frames if isinstance(bank, OnlineTokens) else bank.get
            batch.visuals.append(get(rows, views))
            batch.queries += [example.query for example in examples]
            for example, chance in zip(examples, some[:, 1:], strict=True):
                batch.targets += _choose(example.targets, chance)
        numbers = torch.tensor([text_number(text) for text in batch.targets])
        batch.target_ids = numbers.view(len(draws), self._positives)
        batch.visuals = _joined(batch.visuals)
        return batch

    def _take(self, batch: Batch, source: int, bank: StreamTokens, views: np.ndarray, reader: int) -> None:
        name = f"{self._sources[source].name}/{reader}"
        if name not in self._streams:
            self._streams[name] = ShardStream(
                bank.shards,
                seed=self._seed,
                reader=self._rank * self._readers + reader,
                readers=self._processes * self._readers,
                state=self._states.get(name),
            )
        frames, texts = bank.take(self._streams[name], views.tolist())
        batch.visuals.append(frames)
        batch.queries += [bank.shards.query] * len(texts)
        batch.targets += [text for text in texts for _ in range(self._positives)]
        batch.streams[name] = self._streams[name].state()


class PhaseParts(Dataset[Batch]):
    """The batches of a phase in parts of a few visuals, so that several processes decode one batch.

    Item i is part `i % parts` of step `i // parts`, and is read by reader `i % readers`: a data loader with as many
    processes gives each process all items of one reader, in order.
    """

    def __init__(self, batches: PhaseBatches, *, size: int, share: int, readers: int) -> None:
        """`size`: visuals of a part; `share`: of this process in a step."""
        self._batches, self._size, self._readers = batches, size, readers
        self.parts = -(-share // size)

    def __len__(self) -> int:
        return len(self._batches) * self.parts

    def __getitem__(self, item: int) -> Batch:
        step, part = divmod(item, self.parts)
        begin = part * self._size
        return self._batches.part(step, begin, begin + self._size, reader=item % self._readers)


def _rows(visuals: Sequence[Tensor], first: int, last: int) -> list[Tensor]:
    """Rows from `first` up to `last` of tensors that follow each other."""
    found, begin = [], 0
    for part in visuals:
        rows = part[max(first - begin, 0) : max(last - begin, 0)]
        if len(rows):
            found.append(rows)
        begin += len(part)
    return found


def _joined(visuals: Sequence[Tensor]) -> list[Tensor]:
    """Neighbouring tensors as one, in the type of the first, where they are of one kind and shape."""
    found: list[Tensor] = []
    for part in visuals:
        alike = found and found[-1].is_floating_point() == part.is_floating_point()
        if alike and found[-1].shape[1:] == part.shape[1:]:
            found[-1] = torch.cat([found[-1], part.to(found[-1].dtype)])
        else:
            found.append(part)
    return found


def _choose(targets: Sequence[str], chances: np.ndarray) -> list[str]:
    """As many texts as chances, none twice before each was taken once."""
    chosen: list[str] = []
    left: list[str] = []
    for chance in chances:
        left = left or list(targets)
        chosen.append(left.pop(int(chance * len(left))))
    return chosen
