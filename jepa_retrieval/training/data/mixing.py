"""Which examples are in which batch: a pure function of the seed and the step, so that resuming is exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jepa_retrieval.errors import UsageError


@dataclass(frozen=True)
class Draw:
    """One place of a batch."""

    source: int  # row of the sources
    example: int  # row of that source's examples


def split_batch(shares: Sequence[float], batch_size: int) -> list[int]:
    """Whole places of a batch for each source, nearest to its share (largest remainders), at least one each."""
    if batch_size < len(shares):
        raise UsageError(f"a batch of {batch_size} cannot hold an example of each of {len(shares)} sources")
    exact = np.asarray(shares, dtype=np.float64) / sum(shares) * batch_size
    counts = np.maximum(np.floor(exact).astype(int), 1)
    while counts.sum() != batch_size:
        step = 1 if counts.sum() < batch_size else -1
        # A source with a single place keeps it.
        gain = np.where((step < 0) & (counts == 1), -np.inf, step * (exact - counts))
        counts[int(np.argmax(gain))] += step
    return [int(count) for count in counts]


class Mixer:
    """Draws batches from several sources.

    Every source is read in a new random order each epoch, independently of the others: a small source repeats more
    often. `lengths` and `shares` are per source (a length of None: a stream, whose samples are numbered in the order
    of drawing); `active` are the rows of the sources that take part.
    """

    def __init__(
        self,
        lengths: Sequence[int | None],
        shares: Sequence[float],
        *,
        active: Sequence[int],
        batch_size: int,
        seed: int,
    ) -> None:
        self._lengths = list(lengths)
        self._active = list(active)
        self._seed = seed
        self._orders: dict[int, tuple[int, np.ndarray]] = {}  # the order of the epoch that each source is in
        self.counts = split_batch([shares[row] for row in active], batch_size)

    def batch(self, step: int) -> list[Draw]:
        """The examples of a step, counted from the start of the phase."""
        draws = []
        for source, count in zip(self._active, self.counts, strict=True):
            for position in range(step * count, (step + 1) * count):
                length = self._lengths[source]
                if length is None:
                    draws.append(Draw(source, position))
                    continue
                epoch, place = divmod(position, length)
                draws.append(Draw(source, int(self._order(source, epoch, length)[place])))
        return draws

    def _order(self, source: int, epoch: int, length: int) -> np.ndarray:
        known_epoch, order = self._orders.get(source, (-1, np.empty(0, dtype=np.int64)))
        if known_epoch != epoch:
            order = np.random.default_rng([self._seed, source, epoch]).permutation(length)
            self._orders[source] = (epoch, order)
        return order
