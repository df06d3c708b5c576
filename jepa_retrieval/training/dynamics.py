"""Train latent dynamics on the tokens of videos: what state comes next, and how far off that is expected to be.

The targets are states of a frozen X-Encoder, so nothing keeps them from collapsing but that they are given. The loss
is that of V-JEPA 2-AC (arXiv 2506.09985): the error of predictions from true states (teacher forcing), and of
predictions that follow a predicted state (a rollout); here both for several horizons. The expected error is fitted to
the median of the errors, and calibrated on held-out videos. A prediction that is right on average cannot distinguish
a window from its neighbours: which window comes is learnt separately, by contrast (`future_ranking`).
"""

from __future__ import annotations

import itertools
import logging
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config.dynamics import DynamicsConfig
from jepa_retrieval.models.config.ranges import Share
from jepa_retrieval.models.cuts import distances, firsts_of_shots
from jepa_retrieval.models.dynamics_files import LEVELS, DynamicsCalibration, Projection
from jepa_retrieval.models.modules.dynamics import Dynamics, distance
from jepa_retrieval.models.modules.future_ranking import FutureRanking
from jepa_retrieval.models.principal import principal_directions
from jepa_retrieval.models.runtime.dynamics import MAX_STEP
from jepa_retrieval.settings import Within
from jepa_retrieval.training.config import BatchSize, Count, Interval, OptimConfig, Part
from jepa_retrieval.training.data.state_sequences import Batch, SequenceSampler, Shot, shots_of
from jepa_retrieval.training.future_ranking import RankedVideo, train_ranking
from jepa_retrieval.training.optim import WeightAverage, build_optimizer, build_schedule
from jepa_retrieval.training.progress import OnProgress, TrainProgress, ignore, seconds_left

logger = logging.getLogger(__name__)

MAX_FITTED_WINDOWS = 20_000  # that the projection is fitted to
MIN_WINDOWS = 20
HORIZONS = (0.75, 1.5, 3.0, 6.0)  # seconds; ends of the ranges that are calibrated each on its own
MIN_CALIBRATED = 30  # errors in a range, else all ranges share theirs
_HELD_OUT_BATCHES = 20


@dataclass(frozen=True)
class StateStream:
    """The windows of one video, in order of time."""

    name: str  # of the file: it decides whether the video is held out
    times: np.ndarray  # float [W, 2], start and end of each window, seconds
    tokens: np.ndarray  # float [W, D]: S_V, averaged over the tokens of a window


@dataclass(frozen=True)
class DynamicsSettings:
    """How to train."""

    steps: Interval = 600
    batch_size: BatchSize = 24  # sequences
    hold_out: Part = 0.1  # share of the videos, chosen by a hash of their names
    strides: tuple[int, ...] = (1,)  # every n-th window, or the means of n, to learn other time steps
    # Share of the sequences of which only how the states lie to each other can be learnt: it holds elsewhere too.
    shuffle: Share = 0.9
    seed: Count = 0
    state_size: Annotated[int, Within(2, 4096)] = 128
    layers: Annotated[int, Within(1, 64)] = 2
    width: Annotated[int, Within(8, 8192)] = 256
    context: Annotated[int, Within(2, 1024)] = 12
    dropout: Part = 0.1
    ranking_steps: Annotated[int, Within(0, 1_000_000)] = 500  # of the ranking of windows; 0: without it
    optim: OptimConfig = field(
        default_factory=lambda: OptimConfig(
            learning_rate=1e-3, weight_decay=0.05, schedule="one-cycle", clip_norm=1.0, ema_decay=0.99
        )
    )


class TrainedDynamics(NamedTuple):
    """What training gives."""

    module: Dynamics
    config: DynamicsConfig
    projection: Projection
    calibration: DynamicsCalibration
    skill: float  # on held-out windows: 1 - error / error of "nothing changes"


def train_dynamics(
    streams: Sequence[StateStream],
    settings: DynamicsSettings | None = None,
    *,
    on_progress: OnProgress | None = None,
) -> TrainedDynamics:
    """Fit a projection and the dynamics to streams, and calibrate them on those held out.

    Raises:
        UsageError: there are too few windows to learn from.
    """
    settings = settings or DynamicsSettings()
    torch.manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    streams = [stream for stream in streams if len(stream.tokens) > 1]
    windows = sum(len(stream.tokens) for stream in streams)
    if windows < MIN_WINDOWS or len(streams) < 2:
        raise UsageError(
            f"dynamics need at least 2 videos of several windows and {MIN_WINDOWS} windows in all; "
            f"there are {len(streams)} such videos with {windows} windows"
        )
    kept, held_out = _split(streams, settings.hold_out)
    projection = fit_projection([stream.tokens for stream in kept], settings.state_size, random)
    unrelated = _unrelated(streams, projection, random)
    sampler = SequenceSampler(
        _shots(kept, projection, unrelated),
        settings.strides,
        settings.context,
        MAX_STEP,
        shuffle=settings.shuffle,
    )
    tests = SequenceSampler(
        _shots(held_out, projection, unrelated), settings.strides, settings.context, MAX_STEP
    )
    config = DynamicsConfig(
        token_size=len(projection.mean),
        state_size=projection.basis.shape[1],
        layers=settings.layers,
        width=settings.width,
        mlp_width=2 * settings.width,
        context=settings.context,
        dropout=settings.dropout,
    )
    module = Dynamics(config)
    _fit(module, sampler, settings, random, on_progress or ignore)
    module.eval()
    calibration, skill = _calibrate(module, tests, settings, unrelated)
    logger.info("held out: skill %.3f on %d windows", skill, calibration.windows)
    module.ranking = _ranking(kept, projection, unrelated, settings)
    if module.ranking is not None:
        config = replace(config, ranking_width=module.ranking.first.out_features)
    return TrainedDynamics(module, config, projection, calibration, skill)


def fit_projection(tokens: Sequence[np.ndarray], size: int, random: np.random.Generator) -> Projection:
    """Standardise tokens, float [W, D] each, and take the directions in which they differ most.

    All states share one scale, such that their coordinates have a mean square of 1.
    """
    share = min(1.0, MAX_FITTED_WINDOWS / sum(len(one) for one in tokens))
    chosen = [one[np.sort(random.permutation(len(one))[: max(1, round(share * len(one)))])] for one in tokens]
    sample = np.concatenate(chosen).astype(np.float32)
    mean, scale = sample.mean(axis=0), sample.std(axis=0)
    scale = np.maximum(scale, 1e-3 * max(float(scale.mean()), 1e-6)).astype(np.float32)
    standard = (sample - mean) / scale
    directions = principal_directions(standard, size).astype(np.float32)
    spread = float(np.sqrt(np.mean((standard @ directions) ** 2)))
    return Projection(mean, scale, directions / max(spread, 1e-6))


def _split(streams: Sequence[StateStream], share: float) -> tuple[list[StateStream], list[StateStream]]:
    """Streams to learn from and held-out ones, at least one of each; a name is always on the same side."""
    order = sorted(streams, key=lambda stream: zlib.crc32(stream.name.encode("utf-8", "surrogateescape")))
    count = min(max(1, round(share * len(order))), len(order) - 1)
    return order[count:], order[:count]


def _shots(streams: Sequence[StateStream], projection: Projection, unrelated: float) -> list[Shot]:
    return [
        shot
        for stream in streams
        for shot in shots_of(projection.states(stream.tokens), stream.times.mean(axis=1), unrelated)
    ]


def _ranking(
    streams: Sequence[StateStream], projection: Projection, unrelated: float, settings: DynamicsSettings
) -> FutureRanking | None:
    """The ranking of windows; None without steps, or if no shot is long enough."""
    if not settings.ranking_steps:
        return None
    videos = []
    for stream in streams:
        states = projection.states(stream.tokens)
        firsts = firsts_of_shots(states, unrelated=unrelated)
        videos.append(RankedVideo(states, stream.times.mean(axis=1), firsts))
    return train_ranking(videos, steps=settings.ranking_steps, max_ahead=MAX_STEP, seed=settings.seed)


def _unrelated(streams: Sequence[StateStream], projection: Projection, random: np.random.Generator) -> float:
    """The median distance of two windows of different videos."""
    found = []
    for _ in range(2000):
        a, b = random.choice(len(streams), 2, replace=False)
        rows = [stream.tokens[random.integers(len(stream.tokens))] for stream in (streams[a], streams[b])]
        left, right = projection.states(np.stack(rows))
        found.append(float(distances(left, right)))
    return max(float(np.median(found)), 1e-6)


def _fit(
    module: Dynamics,
    sampler: SequenceSampler,
    settings: DynamicsSettings,
    random: np.random.Generator,
    on_progress: Callable[[TrainProgress], None],
) -> None:
    """Train, and leave the moving average of the weights in the module."""
    if not sampler.shots:
        raise UsageError("every window of the videos is a shot of its own: there is nothing to learn from")
    optimizer = build_optimizer(module.parameters(), torch.nn.Module(), settings.optim)
    schedule = build_schedule(optimizer, settings.optim, steps=settings.steps)
    average = WeightAverage(module.parameters(), settings.optim.ema_decay)
    module.train()
    began = time.monotonic()
    for step in range(1, settings.steps + 1):
        loss = _loss(module, sampler.draw(settings.batch_size, random))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if settings.optim.clip_norm:
            torch.nn.utils.clip_grad_norm_(module.parameters(), settings.optim.clip_norm)
        optimizer.step()
        schedule.step()
        average.update()
        elapsed = time.monotonic() - began
        on_progress(
            TrainProgress(
                "train",
                "dynamics",
                step,
                settings.steps,
                seconds_left=seconds_left(elapsed, step, settings.steps),
                samples_per_second=step * settings.batch_size / elapsed,
                values={"loss": float(loss.detach())},
            )
        )
    average.swap()


def _loss(module: Dynamics, batch: Batch) -> Tensor:
    """Errors with teacher forcing and after one step of a rollout, and the misfit of the expected errors."""
    forced = _errors(module, batch.states, batch.gaps, batch.ahead, batch.targets, batch.valid)
    with torch.no_grad():
        near = module(batch.states, batch.gaps, batch.next_ahead)[..., :-1]
    # At one place of every sequence, what was predicted stands for what came.
    rows = torch.arange(len(batch.states))
    states = batch.states.clone()
    states[rows, batch.place] = near[rows, batch.place - 1]
    after = torch.zeros_like(batch.valid)
    after[rows, batch.place] = batch.valid[rows, batch.place]
    rolled = _errors(module, states, batch.gaps, batch.ahead, batch.targets, after)
    return forced + 0.25 * rolled


def _errors(
    module: Dynamics, states: Tensor, gaps: Tensor, ahead: Tensor, targets: Tensor, valid: Tensor
) -> Tensor:
    found = module(states, gaps, ahead)
    far = distance(found[..., :-1], targets)
    misfit = (far.detach().log() - found[..., -1]).abs()
    weights = valid / valid.sum().clamp(min=1.0)
    return ((far.square() + 0.1 * misfit) * weights).sum()


@torch.no_grad()
def _calibrate(
    module: Dynamics, sampler: SequenceSampler, settings: DynamicsSettings, unrelated: float
) -> tuple[DynamicsCalibration, float]:
    """Quantiles of actual by expected errors on held-out shots, and the skill there."""
    random = np.random.default_rng(0)
    ratios, seconds, squares, copies = [], [], 0.0, 0.0
    for _ in range(_HELD_OUT_BATCHES if sampler.shots else 0):
        batch = sampler.draw(settings.batch_size, random)
        found = module(batch.states, batch.gaps, batch.ahead)
        far = distance(found[..., :-1], batch.targets)
        chosen = batch.valid > 0
        ratios.append((far / found[..., -1].exp())[chosen].numpy())
        seconds.append(batch.ahead[chosen].numpy())
        squares += float(far[chosen].square().sum())
        copies += float(distance(batch.states, batch.targets)[chosen].square().sum())
    ratio = np.concatenate(ratios) if ratios else np.ones(1, np.float32)
    horizon = np.concatenate(seconds) if seconds else np.zeros(1, np.float32)
    ends = (-np.inf, *HORIZONS, np.inf)
    table = []
    for low, high in itertools.pairwise(ends):
        inside = ratio[(horizon > low) & (horizon <= high)]
        table.append(np.quantile(inside if len(inside) >= MIN_CALIBRATED else ratio, LEVELS))
    calibration = DynamicsCalibration(
        horizons=HORIZONS,
        ratios=tuple(tuple(float(value) for value in row) for row in table),
        unrelated=unrelated,
        neighbours=sampler.neighbour_distance(),
        windows=sum(len(shot.states) for shot in sampler.shots),
        step=sampler.step(),
    )
    return calibration, 1 - squares / copies if copies else 0.0
