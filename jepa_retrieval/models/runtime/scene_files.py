"""What was learnt of a scene on disk: one safetensors file with the network, the projection and the normal scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from indexes.files import write_atomically
from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models.checkpoints import not_finite, open_safetensors
from jepa_retrieval.models.dynamics_files import Projection
from jepa_retrieval.models.modules.scene import SceneDynamics
from jepa_retrieval.models.runtime.scene import SceneKnowledge
from jepa_retrieval.text_files import parse_json

FORMAT_VERSION = 1
_PROJECTION = ("projection.mean", "projection.scale", "projection.basis")
_SCORES = "scores"


def save_scene(path: Path, knowledge: SceneKnowledge, *, fingerprint: str, rate: float) -> None:
    """Write what was learnt; the file appears whole or not at all.

    Args:
        path: the file.
        knowledge: what was learnt.
        fingerprint: of the X-Encoder that makes the cells.
        rate: windows per second: at another rate, other changes are normal.

    Raises:
        ModelError: a value is not finite.
        OSError: the folder cannot be written.
    """
    from safetensors.numpy import save

    tensors = {name: tensor.numpy() for name, tensor in knowledge.module.state_dict().items()}
    projection = knowledge.projection
    values = (projection.mean, projection.scale, projection.basis)
    tensors |= dict(zip(_PROJECTION, values, strict=True))
    tensors[_SCORES] = np.array(knowledge.scores, np.float32)
    described = {
        "format_version": FORMAT_VERSION,
        "fingerprint": fingerprint,
        "rate": rate,
        "learnt": knowledge.learnt,
        "usual_change": knowledge.usual_change,
    }
    if (name := _not_finite(tensors, knowledge.usual_change)) is not None:
        raise ModelError(f"{path}: not written: {name} of the scene has values that are not finite")
    write_atomically(path, save(tensors, metadata={"scene": json.dumps(described)}), durable=False)


def load_scene(path: Path, *, fingerprint: str, rate: float) -> SceneKnowledge:
    """What was learnt; arguments as in `save_scene`.

    Raises:
        UsageError: it was learnt from other cells or at another rate.
        ModelError: the file is missing, damaged, or not one of a scene.
    """
    with open_safetensors(path, "np") as file:
        text = (file.metadata() or {}).get("scene")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    if text is None:
        raise ModelError(f"{path}: does not say what is normal in a scene")
    described = parse_json(text, where=str(path), error=ModelError)
    if not isinstance(described, dict) or described.get("format_version") != FORMAT_VERSION:
        raise ModelError(f"{path}: what it says of a scene has an unknown format; delete it to learn anew")
    try:
        known_rate = float(described["rate"])
        if described["fingerprint"] != fingerprint:
            raise UsageError(
                f"{path}: was learnt with another model; name another file, or delete it to learn anew"
            )
        if known_rate != rate:
            raise UsageError(
                f"{path}: was learnt at {known_rate:g} windows per second, not at {rate:g}; watch at {known_rate:g}, "
                "name another file, or delete it to learn anew"
            )
        change = float(described["usual_change"])
        if (unusable := _not_finite(tensors, change)) is not None:
            raise ValueError(f"{unusable} has values that are not finite")
        mean, scale, basis = (tensors.pop(name).astype(np.float32) for name in _PROJECTION)
        if not (scale > 0).all():
            raise ValueError("a standard deviation must be above 0")
        scores = [float(score) for score in tensors.pop(_SCORES)]
        module = SceneDynamics(basis.shape[1])
        module.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
        learnt = int(described["learnt"])
        return SceneKnowledge(module.eval(), Projection(mean, scale, basis), scores, learnt, change)
    except (KeyError, ValueError, TypeError, IndexError, RuntimeError, OverflowError) as error:
        raise ModelError(
            f"{path}: what it says of a scene is damaged; delete it to learn anew ({type(error).__name__})"
        ) from error


def _not_finite(tensors: dict[str, np.ndarray], usual_change: float) -> str | None:
    """The name of what holds a value that is not finite."""
    return not_finite({**tensors, "usual_change": np.array(usual_change)})
