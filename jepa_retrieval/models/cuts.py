"""Cuts in a sequence of states: a cut changes everything at once, and what follows stays changed.

This is what tells cuts from surprises. A flash changes everything too, but what was there comes back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CUT_SHARE = 0.6  # of the distance between windows of different videos: a change as large as this is a cut
RETURN_SHARE = 0.5  # of its own change that a flash may leave behind


class Cuts(NamedTuple):
    """Where a video is cut, and where it is disturbed for a moment."""

    starts: list[int]  # rows that begin a new shot, without 0
    flashes: list[int]  # rows that differ from both neighbours, which resemble each other


def distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Root mean square differences of states, float [..., S] to [...]."""
    far: np.ndarray = np.sqrt(np.mean((left - right) ** 2, axis=-1))
    return far


def find_cuts(states: np.ndarray, *, unrelated: float) -> Cuts:
    """The cuts and flashes of a sequence of states, float [W, S].

    Args:
        states: in order of time.
        unrelated: the distance of two windows of different videos.
    """
    changes = distances(states[1:], states[:-1])  # [i]: from i to i + 1
    large = changes >= CUT_SHARE * unrelated
    starts, flashes = [], []
    row = 1
    while row < len(states):
        if not large[row - 1]:
            row += 1
            continue
        returns = row + 1 < len(states) and (
            distances(states[row + 1], states[row - 1]) < RETURN_SHARE * changes[row - 1]
        )
        if returns:
            flashes.append(row)
            row += 2
        else:
            starts.append(row)
            row += 1
    return Cuts(starts, flashes)


def firsts_of_shots(states: np.ndarray, *, unrelated: float) -> np.ndarray:
    """For each of a sequence of states, float [W, S], the row that begins its shot, int [W]; as `find_cuts`."""
    firsts = np.zeros(len(states), int)
    for cut in find_cuts(states, unrelated=unrelated).starts:
        firsts[cut:] = cut
    return firsts
