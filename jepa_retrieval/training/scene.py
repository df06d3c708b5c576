"""Train scene dynamics on the cells of a scene's normal videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.modules.scene import SceneDynamics
from jepa_retrieval.settings import Within
from jepa_retrieval.training.config import BatchSize, Count, Interval
from jepa_retrieval.training.progress import OnProgress, TrainProgress

_SCALED_FRAMES = 256  # from which the scales are measured


@dataclass(frozen=True)
class SceneSettings:
    """How to train."""

    lag: Annotated[int, Within(1, 1000)] = 3  # frames between a picture and the one that is predicted
    steps: Interval = 600
    batch_size: BatchSize = 4
    learning_rate: Annotated[float, Within(1e-9, 1.0)] = 3e-3
    seed: Count = 0


def train_scene(
    videos: Sequence[np.ndarray],
    settings: SceneSettings | None = None,
    *,
    on_progress: OnProgress | None = None,
) -> SceneDynamics:
    """Learn how the cells of normal videos, float [T, G, G, C] each, change.

    Raises:
        UsageError: no video is longer than the lag.
    """
    settings = settings or SceneSettings()
    lag = settings.lag
    usable = [video for video in videos if len(video) > lag]
    if not usable:
        raise UsageError(f"no video has more than {lag} frames: there is no change to learn from")
    torch.manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    module = SceneDynamics(usable[0].shape[-1])
    _measure_scales(module, usable, lag, random)
    optimizer = torch.optim.AdamW(module.parameters(), settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.steps + 1
    )
    weights = np.array([len(video) - lag for video in usable], np.float64)
    for step in range(1, settings.steps + 1):
        video = usable[random.choice(len(usable), p=weights / weights.sum())]
        rows = random.integers(0, len(video) - lag, settings.batch_size)
        with torch.autocast("cpu", torch.bfloat16):
            loss = module.loss(as_channels(video[rows]), as_channels(video[rows + lag]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if on_progress is not None:
            values = {"loss": float(loss.detach())}
            on_progress(TrainProgress("train", "scene", step, settings.steps, values=values))
    return module.eval()


def as_channels(cells: np.ndarray) -> torch.Tensor:
    """Cells [B, G, G, C], of any precision, as float32 [B, C, G, G]."""
    return torch.from_numpy(np.ascontiguousarray(cells, np.float32)).permute(0, 3, 1, 2)


def _measure_scales(
    module: SceneDynamics, videos: Sequence[np.ndarray], lag: int, random: np.random.Generator
) -> None:
    """Standard deviations of cells and of their changes, per channel."""
    share = max(1, _SCALED_FRAMES // len(videos))
    befores, afters = [], []
    for video in videos:
        rows = random.integers(0, len(video) - lag, share)
        befores.append(as_channels(video[rows]))
        afters.append(as_channels(video[rows + lag]))
    module.measure_scales(torch.cat(befores), torch.cat(afters))
