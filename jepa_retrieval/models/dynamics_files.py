"""A dynamics model on disk: one safetensors file with its weights, settings, projection and calibration."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexes.files import write_atomically
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import not_finite, open_safetensors
from jepa_retrieval.models.config.dynamics import DynamicsConfig, weight_shapes
from jepa_retrieval.models.fingerprint import digest_of_files
from jepa_retrieval.settings import read_settings
from jepa_retrieval.text_files import NOT_REGULAR, parse_json

if TYPE_CHECKING:
    from jepa_retrieval.models.modules.dynamics import Dynamics

DYNAMICS_FILE = "dynamics.safetensors"
FORMAT_VERSION = 1
MAX_BYTES = 1 << 30  # of a file in an index, which may come from elsewhere
_PROJECTION = ("projection.mean", "projection.scale", "projection.basis")
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)  # of the stored quantiles


@dataclass(frozen=True, eq=False)
class Projection:
    """Tokens of width D to states of size S: standardised, then projected onto principal directions."""

    mean: np.ndarray  # float32 [D]
    scale: np.ndarray  # float32 [D], standard deviations
    basis: np.ndarray  # float32 [D, S]: orthogonal directions, divided by the scale that all states share

    def states(self, tokens: np.ndarray) -> np.ndarray:
        """Float [..., D] to float32 [..., S]."""
        standard = (tokens.astype(np.float32) - self.mean) / self.scale
        projected: np.ndarray = standard @ self.basis
        return projected

    def token_changes(self, changes: np.ndarray) -> np.ndarray:
        """Changes of states, float [..., S], as changes of tokens, float32 [..., D]."""
        squared = float((self.basis[:, 0] ** 2).sum())
        changed: np.ndarray = (changes @ self.basis.T) / squared * self.scale
        return changed


@dataclass(frozen=True)
class DynamicsCalibration:
    """What the errors on held-out windows were.

    Attributes:
        horizons: upper ends of the ranges of horizons, seconds; the last range is open.
        ratios: quantiles at `LEVELS` of actual by expected distance, one row per range.
        unrelated: median distance of two windows of different videos.
        neighbours: median distance of a window from the one before it.
        windows: how many held-out windows were measured.
        step: median seconds between the states that it was trained on.
    """

    horizons: tuple[float, ...]
    ratios: tuple[tuple[float, ...], ...]
    unrelated: float
    neighbours: float
    windows: int
    step: float

    def median_ratios(self, seconds: np.ndarray) -> np.ndarray:
        """The medians of actual by expected distance at horizons, float [W] to float32 [W]."""
        medians = np.array([row[LEVELS.index(0.5)] for row in self.ratios], np.float32)
        chosen: np.ndarray = medians[np.searchsorted(self.horizons, seconds)]
        return chosen


@dataclass(frozen=True)
class DynamicsHeader:
    """What a file says of itself; its weights are read when they are needed."""

    path: Path
    config: DynamicsConfig
    calibration: DynamicsCalibration
    fingerprint: str  # of the index that it was trained on, or of the X-Encoder
    digest: str  # sha256 of the file


def save_dynamics(
    path: Path,
    module: Dynamics,
    config: DynamicsConfig,
    projection: Projection,
    calibration: DynamicsCalibration,
    *,
    fingerprint: str,
) -> None:
    """Write a dynamics model, in half precision; the file appears whole or not at all.

    Raises:
        ModelError: a value is not finite in half precision.
        OSError: the folder cannot be written.
    """
    from safetensors.numpy import save

    values = (projection.mean, projection.scale, projection.basis)
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
    arrays |= dict(zip(_PROJECTION, values, strict=True))
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        tensors = {name: array.astype(np.float16) for name, array in arrays.items()}
    if (name := not_finite(tensors)) is not None:
        raise ModelError(f"{path}: not written: {name} of the dynamics model has values that are not finite")
    described = {
        "format_version": FORMAT_VERSION,
        "fingerprint": fingerprint,
        "config": dataclasses.asdict(config),
        "calibration": dataclasses.asdict(calibration),
    }
    write_atomically(path, save(tensors, metadata={"dynamics": json.dumps(described)}), durable=False)


def read_header(path: Path) -> DynamicsHeader:
    """What a dynamics file says of itself.

    Raises:
        ModelError: the file is missing, damaged, or of a newer format.
    """
    if path.exists() and not path.is_file():
        raise ModelError(f"{path}: {NOT_REGULAR}")
    if path.exists() and path.stat().st_size > MAX_BYTES:
        raise ModelError(f"{path}: not a dynamics model (it is larger than {MAX_BYTES >> 30} GB)")
    with open_safetensors(path, "np") as file:
        text = (file.metadata() or {}).get("dynamics")
    if text is None:
        raise ModelError(f"{path}: not a dynamics model")
    described = parse_json(text, where=str(path), error=ModelError)
    if not isinstance(described, Mapping) or described.get("format_version") != FORMAT_VERSION:
        raise ModelError(f"{path}: a dynamics model of an unknown format; train it again")
    config = read_settings(DynamicsConfig, described.get("config"), where=str(path), error=ModelError)
    calibration = _calibration(described.get("calibration"), path)
    return DynamicsHeader(
        path, config, calibration, str(described.get("fingerprint")), digest_of_files([path])
    )


def read_whole(path: Path) -> DynamicsHeader:
    """What a dynamics file says of itself, after all of it was read: nothing of it is damaged.

    Raises:
        ModelError: as `read_header`, `read_projection` and `read_weights`.
    """
    header = read_header(path)
    read_projection(header)
    read_weights(header)
    return header


def _calibration(value: object, path: Path) -> DynamicsCalibration:
    try:
        fields: dict[str, Any] = dict(value)  # type: ignore[call-overload]
        ratios = tuple(tuple(float(number) for number in row) for row in fields["ratios"])
        made = DynamicsCalibration(
            horizons=tuple(float(number) for number in fields["horizons"]),
            ratios=ratios,
            unrelated=float(fields["unrelated"]),
            neighbours=float(fields["neighbours"]),
            windows=int(fields["windows"]),
            step=float(fields["step"]),
        )
    except (TypeError, KeyError, ValueError) as error:
        raise ModelError(f"{path}: damaged dynamics model ({error!r})") from None
    numbers = [
        *made.horizons,
        made.unrelated,
        made.neighbours,
        made.step,
        *(x for row in ratios for x in row),
    ]
    shaped = len(ratios) == len(made.horizons) + 1 and all(len(row) == len(LEVELS) for row in ratios)
    if not shaped or not np.isfinite(numbers).all() or made.unrelated <= 0:
        raise ModelError(f"{path}: damaged dynamics model (its calibration is not valid)")
    return made


def read_projection(header: DynamicsHeader) -> Projection:
    """The projection of tokens to states.

    Raises:
        ModelError: the file is damaged.
    """
    with open_safetensors(header.path, "np") as file:
        names = set(file.keys())
        if not names.issuperset(_PROJECTION):
            raise ModelError(f"{header.path}: damaged dynamics model (it has no projection)")
        mean, scale, basis = (file.get_tensor(name).astype(np.float32) for name in _PROJECTION)
    size, states = header.config.token_size, header.config.state_size
    if mean.shape != (size,) or scale.shape != (size,) or basis.shape != (size, states):
        raise ModelError(f"{header.path}: damaged dynamics model (its projection has another size)")
    _require_finite(header.path, dict(zip(_PROJECTION, (mean, scale, basis), strict=True)))
    return Projection(mean, scale.clip(min=1e-4), basis)


def read_weights(header: DynamicsHeader) -> dict[str, np.ndarray]:
    """The tensors of the network by name, float32.

    Raises:
        ModelError: the file is damaged.
    """
    with open_safetensors(header.path, "np") as file:
        names = [name for name in file.keys() if name not in _PROJECTION]  # noqa: SIM118 - not a dict
        weights = {name: file.get_tensor(name).astype(np.float32) for name in names}
    expected = weight_shapes(header.config)
    if {name: value.shape for name, value in weights.items()} != expected:
        raise ModelError(f"{header.path}: damaged dynamics model (its weights do not fit its settings)")
    _require_finite(header.path, weights)
    return weights


def _require_finite(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    if (name := not_finite(tensors)) is not None:
        raise ModelError(f"{path}: damaged dynamics model ({name} has values that are not finite)")
