"""WebDataset shards read from front to back, shuffled in a buffer: sets that are too large to list.

Several readers (processes, and workers of each) share the shards: every epoch has a new order of them, and each
reader takes every n-th. Of the samples it has read a reader keeps a few in memory, and gives one of these at random
when the next one comes. Which one is a function of the seed and the sample's number: a reader whose state is
restored, in the middle of a shard too, continues with the sample it would have given.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.data.examples import StreamedShards
from jepa_retrieval.training.data.shards import ShardSample, read_samples

logger = logging.getLogger(__name__)

MAX_BUFFER_BYTES = 256_000_000  # of media that a reader keeps
_BITS = (1 << 64) - 1


class At(NamedTuple):
    """The position of a sample."""

    epoch: int
    shard: int  # number in the reader's own list of this epoch
    sample: int  # number in the shard


class ShardStream:
    """One reader of a source; it never ends."""

    def __init__(
        self, source: StreamedShards, *, seed: int, reader: int, readers: int, state: Tensor | None = None
    ) -> None:
        """Begin at the first sample, or where `state` says.

        Args:
            source: what is read.
            seed: of the order.
            reader: number of this one.
            readers: how many share the source.
            state: that `state` gave.

        Raises:
            UsageError: there are fewer shards than readers.
        """
        if len(source.shards) < readers:
            raise UsageError(
                f"{source.shards[0]}: {len(source.shards)} shards cannot be shared by {readers} readers "
                "(processes times tokens.workers): make more shards, or set fewer workers"
            )
        self._source, self._seed, self._reader, self._readers = source, seed, reader, readers
        numbers = [0, 0, 0, 0] if state is None else state.tolist()
        self._drawn = numbers[0]  # samples given so far
        self._next = At(*numbers[1:4])
        places = [At(*numbers[begin : begin + 3]) for begin in range(4, len(numbers), 3)]
        self._buffer = self._read_again(places)
        self._bytes = sum(len(sample.data) for _, sample in self._buffer)
        self._coming = self._samples(self._next)

    def take(self) -> ShardSample:
        """The next sample.

        Raises:
            UsageError: a whole epoch had none.
        """
        while len(self._buffer) < self._source.buffer and self._bytes < MAX_BUFFER_BYTES:
            at, sample = next(self._coming)
            self._next = At(at.epoch, at.shard, at.sample + 1)
            self._buffer.append((at, sample))
            self._bytes += len(sample.data)
        chosen = _mixed(self._seed * 1_000_003 + self._reader, self._drawn) % len(self._buffer)
        self._buffer[chosen], self._buffer[-1] = self._buffer[-1], self._buffer[chosen]
        _, found = self._buffer.pop()
        self._drawn += 1
        self._bytes -= len(found.data)
        return found

    def state(self) -> Tensor:
        """Int64: all that a later reader needs to continue from here."""
        places = [number for at, _ in self._buffer for number in at]
        return torch.tensor([self._drawn, *self._next, *places])

    def _samples(self, begin: At) -> Iterator[tuple[At, ShardSample]]:
        """All wanted samples from a place on, epoch after epoch."""
        for epoch in itertools.count(begin.epoch):
            found = 0
            for number, shard in enumerate(self._own_shards(epoch)):
                if epoch == begin.epoch and number < begin.shard:
                    continue
                first = begin.sample if (epoch, number) == (begin.epoch, begin.shard) else 0
                for place, sample in self._of_shard(shard, first.__le__):
                    found += 1
                    yield At(epoch, number, place), sample
            if not found and epoch > begin.epoch:
                raise UsageError(
                    f"{self._source.shards[0]}: an epoch of its shards has no sample that can be used"
                )

    def _of_shard(self, shard: str, wanted: Callable[[int], bool]) -> Iterator[tuple[int, ShardSample]]:
        try:
            for place, sample in read_samples(shard, wanted):
                if self._source.chooses_all or self._source.wants(sample.visual.name):
                    yield place, sample
        except UsageError as error:
            logger.warning("left out: %s", error)

    def _read_again(self, places: list[At]) -> list[tuple[At, ShardSample]]:
        """The samples of a buffer, in its order."""
        found: dict[At, ShardSample] = {}
        for epoch, number in dict.fromkeys((at.epoch, at.shard) for at in places):
            wanted = {at.sample for at in places if (at.epoch, at.shard) == (epoch, number)}
            shard = self._own_shards(epoch)[number]
            found |= {
                At(epoch, number, place): sample
                for place, sample in self._of_shard(shard, wanted.__contains__)
            }
        if missing := [at for at in places if at not in found]:
            shard = self._own_shards(missing[0].epoch)[missing[0].shard]
            raise UsageError(
                f"{shard}: is not what it was when the checkpoint was written; --restart starts over"
            )
        return [(at, found[at]) for at in places]

    def _own_shards(self, epoch: int) -> list[str]:
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._source.shards))
        return [self._source.shards[number] for number in order[self._reader :: self._readers]]


def _mixed(seed: int, number: int) -> int:
    """A pseudo-random number of 64 bits: splitmix64 (Steele et al., 2014)."""
    mixed = (seed + (number + 1) * 0x9E3779B97F4A7C15) & _BITS
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _BITS
    return mixed ^ (mixed >> 31)
