"""The settings of a dynamics model, which predicts the states that come next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jepa_retrieval.models.config.ranges import Dropout, Heads, Layers, Width, check_multiple
from jepa_retrieval.settings import Within

# Constants of the network, which the PyTorch module and the NumPy one share.
ROPE_THETA = 10_000.0
NORM_EPS = 1e-6
MAX_LOG_ERROR = 6.0
PLACE_SIZE = 4  # numbers that describe how a state lies to those before it
PAIR_WIDTH = 16
RANKING_LAGS = (0, 1, 2, 3, 5, 8, 11)  # states back that a candidate is compared with by the ranking
RANKING_FEATURES = 4 * len(RANKING_LAGS) + 4


@dataclass(frozen=True, kw_only=True)
class DynamicsConfig:
    """Causal Llama-style layers over the states of a video."""

    token_size: Width  # D of the X-Encoder's tokens
    state_size: Width = 128  # principal components of a token that make a state
    layers: Layers = 2
    width: Width = 256
    heads: Heads = 4
    mlp_width: Width = 512
    key_width: Width = 64  # of the comparison of states whose weighted mean is approached
    context: Annotated[int, Within(2, 1024)] = 16  # states that a prediction sees
    dropout: Dropout = 0.1
    ranking_width: Annotated[int, Within(0, 8192)] = 0  # of the ranking of candidates; 0: there is none

    def __post_init__(self) -> None:
        """Raise `ModelError` unless the width is a multiple of the number of heads."""
        check_multiple("width", self.width, "heads", self.heads)


def weight_shapes(config: DynamicsConfig) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of the network, under the names of `modules.dynamics.Dynamics`."""
    width, state = config.width, config.state_size
    shapes: dict[str, tuple[int, ...]] = {"norm.weight": (width,)}
    linear = {
        "state_input": (2 * state, width),
        "place_input.0": (2 + PLACE_SIZE, width),
        "place_input.2": (width, width),
        "pair.0": (3, PAIR_WIDTH),
        "pair.2": (PAIR_WIDTH, 1),
        "query": (width, config.key_width),
        "key": (width, config.key_width),
        "change": (width, state),
        "share": (width, 1),
        "error": (width, 1),
    }
    for name, (inputs, outputs) in linear.items():
        shapes |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
    for layer in range(config.layers):
        at = f"layers.{layer}."
        shapes |= {f"{at}self_attn.{part}_proj.weight": (width, width) for part in "qkvo"}
        shapes |= {f"{at}mlp.{part}_proj.weight": (config.mlp_width, width) for part in ("gate", "up")}
        shapes[f"{at}mlp.down_proj.weight"] = (width, config.mlp_width)
        shapes |= {f"{at}{part}_layernorm.weight": (width,) for part in ("input", "post_attention")}
    if hidden := config.ranking_width:
        layers = {"first": (RANKING_FEATURES, hidden), "second": (hidden, hidden), "last": (hidden, 1)}
        shapes |= {f"ranking.{name}": (RANKING_FEATURES,) for name in ("mean", "scale")}
        for name, (inputs, outputs) in layers.items():
            shapes |= {f"ranking.{name}.weight": (outputs, inputs), f"ranking.{name}.bias": (outputs,)}
    return shapes
