"""Train the network of `world_dynamics` on possible worlds.

What comes out from behind a screen is rare, one cell in four hundred, and all that tells of it are pictures from some
time ago. So half of the moments are those in which something appears, and cells in which it does weigh more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.shared.embedder import Progress
from benchmarks.shared.world_dynamics import AHEAD, WorldDynamics, history_of, still_of
from jepa_retrieval.training.scene import as_channels

BATCH = 12
APPEARING = 6  # moments of a batch in which something appears
LEARNING_RATE = 3e-3
FIRST = 2  # frame from which on a prediction is learnt: before, nothing shows a speed
APPEARING_WEIGHT = 5.0  # of a cell in which something appears, beside the 1 of others
MOVES = 0.02  # mean square of a cell's difference from what stands still, above which something moves there
NEAR = 5  # cells per side around a place from which what comes there is seen beforehand
MIN_CELLS, MAX_CELLS = 3, 8  # in which something has to appear at a moment, and above which more do not count
CUT_SHARE = 0.2  # of moments that see only the last frames, as after a cut
CUT_FRAMES = (2, 12)  # how many they see: from, and below
_FLOOR = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class _Worlds:
    """Videos float16 [V, T, G, G, C], and where something appears `AHEAD` frames later, bool [V, T - AHEAD, G, G]."""

    videos: np.ndarray
    still: np.ndarray  # float16, as `videos`
    appears: np.ndarray


def train_world_dynamics(
    videos: np.ndarray, *, seed: int, steps: int, on_progress: Progress | None = None
) -> WorldDynamics:
    """Learn from possible worlds, float16 [V, T, G, G, C]."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    module = WorldDynamics(videos.shape[-1])
    sample = videos[:: max(1, len(videos) // 60)].astype(np.float32)
    changes = (sample[:, AHEAD:] - sample[:, :-AHEAD]).std(axis=(0, 1, 2, 3))
    module.scale.copy_(torch.from_numpy(changes.clip(min=_FLOOR))[:, None, None])
    worlds = _prepared(videos)
    chances = _chances(worlds.appears)
    optimizer = torch.optim.AdamW(module.parameters(), LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1)
    for step in range(1, steps + 1):
        loss = _loss(module, *_batch(worlds, chances, random))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if on_progress is not None:
            on_progress(f"train, seed {seed}", step, steps)
    return module.eval()


def _prepared(videos: np.ndarray) -> _Worlds:
    still = np.empty(videos.shape, np.float16)
    appears = np.zeros((len(videos), videos.shape[1] - AHEAD, *videos.shape[2:4]), bool)
    for row, video in enumerate(videos):
        seen = still_of(video, range(len(video))).permute(0, 2, 3, 1).numpy()
        still[row] = seen
        comes = np.square(video[AHEAD:] - seen[:-AHEAD]).mean(axis=-1) > MOVES
        moves = torch.from_numpy(np.square(video[:-AHEAD] - seen[:-AHEAD]).mean(axis=-1) > MOVES)
        near = functional.max_pool2d(moves[:, None].float(), NEAR, 1, NEAR // 2)[:, 0].numpy() > 0
        appears[row] = comes & ~near
    appears[:, :FIRST] = False
    return _Worlds(videos, still, appears)


def _chances(appears: np.ndarray) -> np.ndarray | None:
    """How often each moment is drawn for what appears in it, float [V * (T - AHEAD)]; None: nothing ever appears."""
    cells = appears.sum(axis=(2, 3)).ravel()
    counts = np.where(cells >= MIN_CELLS, np.minimum(cells, MAX_CELLS), 0)
    return counts / counts.sum() if counts.any() else None


def _batch(
    worlds: _Worlds, chances: np.ndarray | None, random: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """History [B, L, C, G, G], what stands still and what came of it [B, C, G, G], and weights [B, 1, G, G]."""
    videos, moments = worlds.videos, worlds.appears.shape[1]
    rows = random.integers(len(videos), size=BATCH)
    frames = random.integers(FIRST, moments, BATCH)
    if chances is not None:
        drawn = random.choice(len(chances), APPEARING, p=chances)
        rows[:APPEARING], frames[:APPEARING] = np.divmod(drawn, moments)
    cut = np.maximum(frames - random.integers(*CUT_FRAMES, BATCH), 0)
    begins = np.where(random.random(BATCH) < CUT_SHARE, cut, 0)
    places = list(zip(rows, frames, begins, strict=True))
    history = torch.cat([history_of(videos[row], [at], begin=begin) for row, at, begin in places])
    still = torch.cat(
        [
            still_of(videos[row], [at], begin=begin) if begin else as_channels(worlds.still[row, at][None])
            for row, at, begin in places
        ]
    )
    came = as_channels(videos[rows, frames + AHEAD]) - still
    weights = 1 + (APPEARING_WEIGHT - 1) * torch.from_numpy(worlds.appears[rows, frames]).float()[:, None]
    if random.random() < 0.5:  # a world upside down is possible too
        history, still, came, weights = history.flip(3), still.flip(2), came.flip(2), weights.flip(2)
    return history, still, came, weights


def _loss(module: nn.Module, history: Tensor, still: Tensor, came: Tensor, weights: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        moved, deviation = module(history, still)
        errors = (came - moved) / module.scale
        misfit = 0.5 * (errors.detach() * torch.exp(-deviation)).square() + deviation
        return (errors.square() * weights).mean() + 0.1 * misfit.mean()
