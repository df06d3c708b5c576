"""What a model is made of: one small JSON file per model, read strictly into dataclasses.

A config has a section per part (`x_encoder`, `predictor`, `y_encoder`, `y_decoder`). Where a part can be built
in more than one way, its section names the `kind`. Two settings recur:

- `source`: where a part's pretrained weights come from. `hub:ORG/NAME` is a Hugging Face repository,
  `package:MODULE` an installed Python package, anything else a path (a relative one starts at the config's
  folder). `null`: there is none.
- `frozen`: training leaves the part as it is. A frozen part that has a source is always read from there; all other
  weights lie in the model's own `model.safetensors`, once it is trained.

This module imports nothing heavy: the query path reads a config without loading PyTorch.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jepa_retrieval.errors import ModelError
from jepa_retrieval.settings import read_settings

FORMAT_VERSION = 1


# --- X-Encoder --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class VJepa2Config:
    """V-JEPA 2: a video ViT over tubelets; tokens are its last hidden state."""

    kind: Literal["vjepa2"]
    source: str | None
    image_size: int  # pixels, a multiple of patch_size
    frames: int  # frames per clip; a shorter or longer input is sampled uniformly to this many
    width: int
    layers: int
    heads: int
    patch_size: int = 16
    tubelet_size: int = 2  # frames per token
    mlp_ratio: float = 4.0
    frozen: bool = True

    @property
    def token_size(self) -> int:  # noqa: D102
        return self.width

    @property
    def tokens_per_frame(self) -> int:  # noqa: D102
        # A tubelet's tokens are shared out among its frames, so that N = frames * tokens_per_frame.
        return (self.image_size // self.patch_size) ** 2 // self.tubelet_size


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """One EfficientNet-Lite network, its features pooled to a global token and a grid of cells."""

    name: Literal["lite0", "lite2"]
    source: str | None
    image_size: int  # pixels; frames of another size are resized
    mean: float = 127.0  # pixels are scaled as (x - mean) / std
    std: float = 128.0


@dataclass(frozen=True, kw_only=True)
class EfficientNetLiteConfig:
    """Frame-wise EfficientNet-Lite towers: per frame a global token, then grid x grid tokens row by row."""

    kind: Literal["efficientnet_lite"]
    towers: tuple[TowerConfig, ...]
    image_size: int  # pixels of the frames that come in
    grid: int = 0  # cells per side; 0: the global token alone
    # Also the channel means of so many of each tower's last stages, which know more of colours, textures and places
    # than the last feature map does. They come after all towers' last maps.
    stages: int = 0
    # "channels" joins the towers' features of a cell into one token, "tokens" lines the towers' tokens up.
    combine: Literal["channels", "tokens"] = "channels"
    # Side of the middle of the picture that is looked at besides the whole, as a share of the whole side; 0: never. A
    # photograph is seen both ways, and every second frame of a video window in its middle.
    centre: float = 0.0
    frozen: bool = True

    def __post_init__(self) -> None:
        """Towers differ in the width of their stages: their tokens cannot be lined up with stages."""
        if self.stages and self.combine == "tokens":
            raise ModelError('x_encoder.stages needs x_encoder.combine = "channels"')
        if not 0 <= self.stages <= len(EFFICIENTNET_LITE_STAGES["lite0"]):
            raise ModelError(f"x_encoder.stages is {self.stages} (allowed: 0 to 7)")

    @property
    def token_size(self) -> int:  # noqa: D102
        stages = [EFFICIENTNET_LITE_STAGES[tower.name][7 - self.stages :] for tower in self.towers]
        last = EFFICIENTNET_LITE_WIDTH * (len(self.towers) if self.combine == "channels" else 1)
        return last + sum(sum(widths) for widths in stages)

    @property
    def tokens_per_frame(self) -> int:  # noqa: D102
        return (1 + self.grid**2) * (len(self.towers) if self.combine == "tokens" else 1)


EFFICIENTNET_LITE_WIDTH = 1280  # channels of the last feature map of every EfficientNet-Lite
EFFICIENTNET_LITE_STAGES = {  # channels after each of the seven stages
    "lite0": (16, 24, 40, 80, 112, 192, 320),
    "lite2": (16, 24, 48, 88, 120, 208, 352),
}


@dataclass(frozen=True, kw_only=True)
class OpenClipImageConfig:
    """The image tower of any open_clip model, frame by frame; its projected embedding is the one token."""

    kind: Literal["open_clip"]
    architecture: str  # open_clip's name, such as "ViT-B-32"
    source: str | None  # `tag:NAME`, one of open_clip's pretrained tags; or the path of a checkpoint
    image_size: int
    width: int  # size of the projected embedding
    mean: tuple[float, ...]  # per channel, of pixels scaled to 0..1
    std: tuple[float, ...]
    frozen: bool = True

    @property
    def token_size(self) -> int:  # noqa: D102
        return self.width

    @property
    def tokens_per_frame(self) -> int:  # noqa: D102
        return 1


XEncoderConfig = VJepa2Config | EfficientNetLiteConfig | OpenClipImageConfig


# --- Predictor --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Llama3RopeConfig:
    """Llama 3's scaling of the rotary frequencies for long contexts."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_positions: int


@dataclass(frozen=True, kw_only=True)
class TokenTableConfig:
    """Query tokens from an embedding table, as in the paper."""

    kind: Literal["table"]
    source: str | None  # a Llama or BERT checkpoint that holds the table
    tokenizer: str  # tokenizer.json: a path, or the same forms as `source`
    vocabulary: int
    width: int
    frozen: bool = True


@dataclass(frozen=True, kw_only=True)
class BertConfig:
    """A BERT-like text encoder, such as MiniLM; also the contextual source of query tokens."""

    kind: Literal["bert"]
    source: str | None
    tokenizer: str
    vocabulary: int
    width: int
    layers: int
    heads: int
    mlp_width: int
    max_positions: int = 512
    norm_eps: float = 1e-12
    frozen: bool = True


QueryTokensConfig = TokenTableConfig | BertConfig


@dataclass(frozen=True, kw_only=True)
class ConceptsConfig:
    """ImageNet's classes as words: beside every visual token one more, the mean of the classes' name embeddings.

    The mean is weighted with the probabilities that ImageNet classifiers give the classes: ConSE, Norouzi et al.,
    arXiv 1312.5650. There is one classifier per EfficientNet-Lite tower, and the towers' features must be joined by
    channels.
    """

    sources: tuple[str, ...]  # a checkpoint with the classifier of each tower, in the towers' order
    width: int  # of the names' embeddings, which the Y-Encoder's text tower makes
    classes: int = 1000
    dropout: float = 0.0  # share of the concepts that training withholds
    kept: int = 0  # dimensions of the shared space that hold the concepts themselves: modules/kept.py
    kept_share: float = 0.0  # of them in a vector's squared length


@dataclass(frozen=True, kw_only=True)
class LevellingConfig:
    """A dimension of the shared space that takes from each picture's scores what captions at large score with it."""

    bank: int  # points that stand for captions at large, centres of clusters
    share: float  # of the dimension in a text's squared length
    strength: float = 0.5  # how much of what captions at large score is taken away

    def __post_init__(self) -> None:
        """The dimension needs some of the length, and leaves most of it."""
        if not 0 < self.share < 1 or self.bank < 1:
            raise ModelError("predictor.levelling needs bank >= 1 and share between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class LlamaPredictorConfig:
    """Llama-style layers over visual tokens and then query tokens; the mean of valid positions is Ŝ_Y."""

    kind: Literal["llama"]
    source: str | None  # a full Llama checkpoint: the *last* `layers` layers and the final norm are taken
    query_tokens: QueryTokensConfig
    layers: int
    width: int
    heads: int
    kv_heads: int
    mlp_width: int
    rope_theta: float
    rope_scaling: Llama3RopeConfig | None = None
    norm_eps: float = 1e-5
    causal: bool = False  # True only for the ablation
    max_query_tokens: int = 512
    # What a small predictor needs to learn from few data; the paper's has none of it.
    vision_hidden: int = 0  # hidden width of an MLP in place of the linear layer for visual tokens; 0: linear
    vision_norm: bool = (
        False  # standardise each visual channel with the mean and deviation of the training set
    )
    vision_positions: int = 0  # learnt embeddings of a visual token's place in its frame; 0: none
    concepts: ConceptsConfig | None = None  # None: visual tokens alone
    # So many predictors side by side, each with a head of the Y-Encoder, over the same query tokens and concepts.
    # They share the learnt dimensions, and the cosine is the mean of theirs. modules/members.py
    members: int = 1
    levelling: LevellingConfig | None = None  # modules/levelling.py
    token_types: bool = False  # learnt embeddings that tell visual from query tokens
    vision_dropout: float = 0.0  # of the channels of visual tokens
    hidden_dropout: float = 0.0  # inside the MLP of `vision_hidden`
    dropout: float = 0.0  # of every layer's update, and of the pooled output
    attention_dropout: float = 0.0
    frozen: bool = False

    def __post_init__(self) -> None:
        """Pretrained layers can be taken once only."""
        if self.members < 1 or (self.members > 1 and self.source is not None):
            raise ModelError(
                f"predictor.members is {self.members} (allowed: 1; more for a predictor without a source)"
            )


@dataclass(frozen=True, kw_only=True)
class MeanPoolConfig:
    """The predictor of a CLIP-style model: the mean of the unit frame embeddings. It ignores the query."""

    kind: Literal["mean_pool"]


PredictorConfig = LlamaPredictorConfig | MeanPoolConfig


# --- Y-Encoder --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class GemmaConfig:
    """EmbeddingGemma: a Gemma 3 text model with bidirectional attention."""

    kind: Literal["embedding_gemma"]
    source: str | None
    tokenizer: str
    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    mlp_width: int
    sliding_window: int = 512  # tokens in all that a token of a local layer attends to
    sliding_pattern: int = 6  # every so many layers one attends to everything
    rope_theta: float = 1_000_000.0
    rope_local_theta: float = 10_000.0
    query_scale: int = 256
    max_positions: int = 2048
    norm_eps: float = 1e-6
    frozen: bool = False


@dataclass(frozen=True, kw_only=True)
class OpenClipTextConfig:
    """The text tower of any open_clip model, pooled as that model pools."""

    kind: Literal["open_clip"]
    architecture: str
    source: str | None
    width: int  # size of the projected embedding
    frozen: bool = True


TextTowerConfig = GemmaConfig | BertConfig | OpenClipTextConfig


@dataclass(frozen=True, kw_only=True)
class YEncoderConfig:
    """A text tower, pooled, and a head into the shared space."""

    tower: TextTowerConfig
    max_tokens: int = 512
    pooling: Literal["mean", "first", "tower"] = "mean"  # "tower": the tower pools by itself (open_clip)
    head: Literal["linear", "mlp", "none"] = "linear"  # "none": the tower's embedding is the shared space
    head_hidden: int = 0  # hidden width of "mlp", a linear layer with an MLP beside it
    dropout: float = 0.0  # of the channels that enter the head
    hidden_dropout: float = 0.0  # inside the MLP


# --- Y-Decoder and the whole ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class YDecoderConfig:
    """A small causal transformer from an embedding to tokens. Its weights and tokenizer are files of their own.

    It is trained after the other parts, and has no influence on embeddings.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    mlp_width: int
    max_tokens: int  # of a sentence, its beginning and end included
    # Ŝ_Y is first replaced by the mean of so many stored points among captions' S_Y, weighted with
    # exp(cosine / temperature): it lies off the captions' place. 0: as it is.
    memory: int = 0
    temperature: float = 0.02
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """The heads share the width."""
        if self.width % self.heads:
            raise ModelError(
                f"y_decoder.width {self.width} is not a multiple of y_decoder.heads {self.heads}"
            )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A named set of parts that share one embedding space."""

    name: str
    description: str
    prompt: str  # default query X_Q for indexing
    embedding_size: int  # E, dimensions of the shared space
    frames_per_window: int
    x_encoder: XEncoderConfig
    predictor: PredictorConfig
    y_encoder: YEncoderConfig
    y_decoder: YDecoderConfig | None = None
    # Of the softmax over cosines that turns scores into probabilities: the loss's, when training ended.
    temperature: float = 0.07
    answers: str | None = (
        None  # path of a text file, one answer a line: what questions are answered with by default
    )
    # sha256 by what it is of (model.safetensors, a part's source, a tokenizer); written when a model is saved.
    digests: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


def load_config(path: Path | str) -> ModelConfig:
    """Read a config; `ModelError` names the file and the setting at fault, and lists what is allowed."""
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such model config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from error
    except json.JSONDecodeError as error:
        raise ModelError(f"{path}: not valid JSON ({error})") from error
    try:
        return parse_config(data)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def save_config(config: ModelConfig, path: Path | str) -> None:
    """Write `config` as the JSON that `load_config` reads."""
    text = json.dumps(dataclasses.asdict(config), indent=2, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def parse_config(data: object) -> ModelConfig:
    """Build a config from parsed JSON."""
    version = data.get("format_version", FORMAT_VERSION) if isinstance(data, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ModelError(
            f"format_version {version} is newer than {FORMAT_VERSION}, the newest this release reads"
        )
    return read_settings(ModelConfig, data, error=ModelError)
