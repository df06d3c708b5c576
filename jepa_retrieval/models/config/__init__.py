"""What a model is made of: one small JSON file per model, read strictly into dataclasses.

A config has a section per part (`x_encoder`, `predictor`, `y_encoder`, `y_decoder`). Where a part can be built
in more than one way, its section names the `kind`. Two settings recur:

- `source`: where a part's pretrained weights come from. `hub:ORG/NAME` is a Hugging Face repository,
  `package:MODULE` an installed Python package, anything else a path (a relative one starts at the config's
  folder). `null`: there is none.
- `frozen`: training leaves the part as it is. A frozen part that has a source is always read from there; all other
weights are in the model's own `model.safetensors`, once it is trained.

This module imports nothing heavy: the query path reads a config without loading PyTorch.
"""

from __future__ import annotations

from jepa_retrieval.models.config.model import (
    FORMAT_VERSION,
    ModelConfig,
    YDecoderConfig,
    load_config,
    parse_config,
    save_config,
)
from jepa_retrieval.models.config.predictor import (
    ConceptsConfig,
    HubnessConfig,
    Llama3RopeConfig,
    LlamaPredictorConfig,
    MeanPoolConfig,
    PredictorConfig,
    QueryTokensConfig,
    TokenTableConfig,
)
from jepa_retrieval.models.config.text_towers import (
    BertConfig,
    GemmaConfig,
    OpenClipTextConfig,
    TextTowerConfig,
)
from jepa_retrieval.models.config.x_encoder import (
    EFFICIENTNET_LITE_STAGES,
    EFFICIENTNET_LITE_WIDTH,
    EfficientNetLiteConfig,
    FrameFit,
    Interpolation,
    OpenClipImageConfig,
    TowerConfig,
    VJepa2Config,
    XEncoderConfig,
)
from jepa_retrieval.models.config.y_encoder import YEncoderConfig

__all__ = [
    "EFFICIENTNET_LITE_STAGES",
    "EFFICIENTNET_LITE_WIDTH",
    "FORMAT_VERSION",
    "BertConfig",
    "ConceptsConfig",
    "EfficientNetLiteConfig",
    "FrameFit",
    "GemmaConfig",
    "HubnessConfig",
    "Interpolation",
    "Llama3RopeConfig",
    "LlamaPredictorConfig",
    "MeanPoolConfig",
    "ModelConfig",
    "OpenClipImageConfig",
    "OpenClipTextConfig",
    "PredictorConfig",
    "QueryTokensConfig",
    "TextTowerConfig",
    "TokenTableConfig",
    "TowerConfig",
    "VJepa2Config",
    "XEncoderConfig",
    "YDecoderConfig",
    "YEncoderConfig",
    "load_config",
    "parse_config",
    "save_config",
]
