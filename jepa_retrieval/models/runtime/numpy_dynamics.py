"""`modules.dynamics.Dynamics` in NumPy, for inference: a query need not load PyTorch for a network this small."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jepa_retrieval.models.config.dynamics import MAX_LOG_ERROR, NORM_EPS, ROPE_THETA, DynamicsConfig


class NumpyDynamics:
    """The network with its weights, which have the names of the PyTorch module's."""

    def __init__(self, config: DynamicsConfig, weights: Mapping[str, np.ndarray]) -> None:
        self._config = config
        self._weights = weights

    def __call__(self, states: np.ndarray, gaps: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """States float32 [B, L, S] and times [B, L] to [B, L, S + 1]; see `Dynamics.forward`."""
        before = np.concatenate([states[:, :1], states[:, :-1]], axis=1)
        places, far = _geometry(states)
        clock = np.cumsum(gaps, axis=1)
        times = np.log1p(np.stack([gaps, ahead], axis=-1))
        hidden = self._linear("state_input", np.concatenate([states, states - before], axis=-1))
        placed = np.concatenate([times, places], axis=-1)
        hidden = hidden + self._linear("place_input.2", _silu(self._linear("place_input.0", placed)))
        length = states.shape[1]
        hidden_from = np.triu(np.full((length, length), -1e9, np.float32), k=1)
        rotary = _rotary(length, self._config.width // self._config.heads)
        for layer in range(self._config.layers):
            hidden = self._layer(f"layers.{layer}.", hidden, hidden_from, rotary)
        hidden = _normed(hidden, self._weights["norm.weight"])
        keys = np.swapaxes(self._linear("key", hidden), 1, 2)
        scores = self._linear("query", hidden) @ keys / np.sqrt(np.float32(self._config.key_width))
        lags = np.log1p((clock[:, :, np.newaxis] - clock[:, np.newaxis, :]).clip(min=0.0))
        aims = np.broadcast_to(np.log1p(ahead)[:, :, np.newaxis], lags.shape)
        pairs = np.stack([lags, far, aims], axis=-1)
        scores = scores + self._linear("pair.2", _silu(self._linear("pair.0", pairs)))[..., 0]
        mean = _softmax(scores + hidden_from) @ states
        share = 1 / (1 + np.exp(-self._linear("share", hidden)))
        predicted = states + share * (mean - states) + self._linear("change", hidden)
        error = self._linear("error", hidden).clip(-MAX_LOG_ERROR, MAX_LOG_ERROR)
        joined: np.ndarray = np.concatenate([predicted, error], axis=-1).astype(np.float32)
        return joined

    def _linear(self, name: str, values: np.ndarray) -> np.ndarray:
        result: np.ndarray = _product(values, self._weights[f"{name}.weight"])
        return result + self._weights[f"{name}.bias"]

    def _layer(
        self,
        at: str,
        hidden: np.ndarray,
        hidden_from: np.ndarray,
        rotary: tuple[np.ndarray, np.ndarray],
    ) -> np.ndarray:
        weights, heads = self._weights, self._config.heads
        normed = _normed(hidden, weights[f"{at}input_layernorm.weight"])
        batch, length, width = normed.shape

        def heads_of(part: str) -> np.ndarray:
            values = _product(normed, weights[f"{at}self_attn.{part}_proj.weight"])
            return values.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)

        query, key = (_rotated(heads_of(part), rotary) for part in "qk")
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(np.float32(width // heads))
        mixed = (_softmax(scores + hidden_from) @ heads_of("v")).transpose(0, 2, 1, 3)
        hidden = hidden + mixed.reshape(batch, length, width) @ weights[f"{at}self_attn.o_proj.weight"].T
        normed = _normed(hidden, weights[f"{at}post_attention_layernorm.weight"])
        gate = _silu(_product(normed, weights[f"{at}mlp.gate_proj.weight"]))
        raised = gate * (_product(normed, weights[f"{at}mlp.up_proj.weight"]))
        result: np.ndarray = hidden + _product(raised, weights[f"{at}mlp.down_proj.weight"])
        return result


def _product(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Float [..., I] and [O, I] to [..., O], as one product: that is faster than one for each sequence."""
    flat: np.ndarray = values.reshape(-1, values.shape[-1]) @ weight.T
    return flat.reshape(*values.shape[:-1], len(weight))


def _geometry(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `modules.dynamics.geometry`."""
    count = np.arange(1, states.shape[1] + 1, dtype=np.float32)
    squares = np.mean(states**2, axis=-1)
    products = states @ np.swapaxes(states, 1, 2) / states.shape[-1]
    far = np.sqrt((squares[:, :, np.newaxis] + squares[:, np.newaxis, :] - 2 * products).clip(min=1e-6))
    mean = np.cumsum(states, axis=1) / count[:, np.newaxis]
    steps = np.zeros(states.shape[:2], np.float32)
    steps[:, 1:] = np.sqrt(np.mean(np.diff(states, axis=1) ** 2, axis=-1).clip(min=1e-12))
    usual = np.cumsum(steps, axis=1) / (count.clip(min=2.0) - 1)
    off = np.sqrt(np.mean((mean - states) ** 2, axis=-1).clip(min=1e-12))
    known = np.broadcast_to(np.log1p(count), steps.shape)
    return np.stack([steps, off, usual, known], axis=-1), far


def _silu(values: np.ndarray) -> np.ndarray:
    result: np.ndarray = values / (1 + np.exp(-values.clip(min=-80)))
    return result


def _normed(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """RMSNorm."""
    result: np.ndarray = values / np.sqrt(np.mean(values**2, axis=-1, keepdims=True) + NORM_EPS) * weight
    return result


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: np.ndarray = weights / weights.sum(axis=-1, keepdims=True)
    return result


def _rotary(length: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of the angles at each position, float32 [length, size]: the halves are equal."""
    frequencies = ROPE_THETA ** (-np.arange(0, size, 2, dtype=np.float32) / size)
    angles = np.arange(length, dtype=np.float32)[:, np.newaxis] * frequencies
    doubled = np.concatenate([angles, angles], axis=-1)
    return np.cos(doubled), np.sin(doubled)


def _rotated(values: np.ndarray, rotary: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Queries or keys [B, heads, L, size], rotated as Llama does: the first half with the second."""
    cosines, sines = rotary
    first, second = np.split(values, 2, axis=-1)
    result: np.ndarray = values * cosines + np.concatenate([-second, first], axis=-1) * sines
    return result
