"""A Y-Decoder's files in a model's folder: its weights and its tokenizer, beside those of the other parts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import not_finite, open_safetensors, read_tensors
from jepa_retrieval.models.config import ModelConfig, YDecoderConfig, save_config
from jepa_retrieval.models.fingerprint import digest_of_files, fingerprint
from jepa_retrieval.models.sentences import SentenceTokenizer
from jepa_retrieval.models.word_support import WordTable

if TYPE_CHECKING:
    from jepa_retrieval.models.modules.y_decoder import YDecoder

WEIGHTS = "y_decoder.safetensors"
TOKENIZER = "y_decoder.tokenizer.json"
MEMORY = "memory"  # the tensor among the weights that holds points among captions
NAMES = "names"  # and the embeddings of short names
TABLE = {"starts": "words.starts", "columns": "words.columns", "shares": "words.shares"}  # see `WordTable`
TEXTS = "texts"  # metadata of the weights, JSON: the words of the table, the phrases of things, and the names
TRAINED_FOR = "embeddings"  # metadata of the weights: the fingerprint of the embeddings they decode


@dataclass(frozen=True, eq=False)
class CaptionMemory:
    """What a Y-Decoder remembers of captions. M points, N names."""

    points: np.ndarray  # centres of clusters of captions, float32 [M, E], unit length
    words: WordTable | None = None  # which words the captions of each cluster have; None in older files
    names: Sequence[str] = ()  # short names of things, such as "a golden retriever"
    name_embeddings: np.ndarray = field(
        default_factory=lambda: np.zeros((0, 0), np.float32)
    )  # S_Y, float32 [N, E]


def check_y_decoder(config: ModelConfig, folder: Path) -> YDecoderConfig:
    """The section `y_decoder`, once its files are known to be those that it was saved with.

    Raises:
        ModelError: the model has no Y-Decoder, a file is missing or another one, or it decodes other embeddings.
    """
    if config.y_decoder is None:
        raise ModelError(f"{config.name} has no Y-Decoder")
    for name in (WEIGHTS, TOKENIZER):
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path}: the file is missing; {config.name} cannot decode without it")
        if digest_of_files([path]) != config.digests.get(name):
            raise ModelError(f"{path}: not the file that the model was saved with (its sha256 differs)")
    with open_safetensors(folder / WEIGHTS, "np") as file:
        trained_for = (file.metadata() or {}).get(TRAINED_FOR)
    if trained_for != fingerprint(config, ""):
        raise ModelError(f"{folder / WEIGHTS}: was trained for other embeddings; train the Y-Decoder again")
    return config.y_decoder


def read_memory(folder: Path) -> CaptionMemory | None:
    """What the decoder remembers of captions; None for a decoder without a memory.

    Raises:
        ModelError: the memory is not whole, or has values that are not finite.
    """
    path = folder / WEIGHTS
    with open_safetensors(path, "np") as file:
        if MEMORY not in file.keys():  # noqa: SIM118 - not a dict
            return None
        points, metadata = file.get_tensor(MEMORY).astype(np.float32), file.metadata() or {}
        if TEXTS not in metadata:
            return _finite(CaptionMemory(points), path)
        try:
            texts = json.loads(metadata[TEXTS])
            table = {name: file.get_tensor(tensor) for name, tensor in TABLE.items()}
            memory = CaptionMemory(
                points,
                WordTable(words=texts["words"], phrases=texts["phrases"], **table),
                texts["names"],
                file.get_tensor(NAMES).astype(np.float32),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{path}: its memory of captions is not whole; train the Y-Decoder again"
            ) from error
        return _finite(memory, path)


def _finite(memory: CaptionMemory, path: Path) -> CaptionMemory:
    if (name := not_finite({MEMORY: memory.points, NAMES: memory.name_embeddings})) is not None:
        raise ModelError(f"{path}: {name} has values that are not finite; train the Y-Decoder again")
    return memory


def load_y_decoder(config: YDecoderConfig, folder: Path, *, embedding_size: int) -> YDecoder:
    """The PyTorch module with its weights."""
    import torch

    from jepa_retrieval.models.modules.int8_weights import unpack
    from jepa_retrieval.models.modules.y_decoder import YDecoder
    from jepa_retrieval.models.storage import check_fit

    stored = read_tensors(folder / WEIGHTS)
    state = unpack({name: stored[name] for name in stored if name not in (MEMORY, NAMES, *TABLE.values())})
    with torch.device("meta"):  # names and shapes alone: memory is taken only for what fits the file
        outline = YDecoder(config, embedding_size=embedding_size)
    check_fit(outline.state_dict(), state, where=str(folder / WEIGHTS))
    module = YDecoder(config, embedding_size=embedding_size)
    module.load_state_dict(state)
    return module.float().eval()


def save_y_decoder(
    module: YDecoder,
    section: YDecoderConfig,
    tokenizer: SentenceTokenizer,
    *,
    memory: CaptionMemory | None,
    config: ModelConfig,
    folder: Path,
) -> ModelConfig:
    """Write the two files, large matrices in a byte a weight, and the config of the model that they now belong to."""
    import torch
    from safetensors.torch import save_file

    from jepa_retrieval.models.modules.int8_weights import pack

    folder.mkdir(parents=True, exist_ok=True)
    state = pack({name: tensor.detach().half().contiguous() for name, tensor in module.state_dict().items()})
    metadata = {"format": "pt", TRAINED_FOR: fingerprint(config, "")}
    if memory is not None:
        state[MEMORY] = torch.from_numpy(memory.points).half()
    if memory is not None and memory.words is not None:
        state[NAMES] = torch.from_numpy(memory.name_embeddings).half()
        state |= {name: torch.from_numpy(getattr(memory.words, part)) for part, name in TABLE.items()}
        texts = {"words": memory.words.words, "phrases": memory.words.phrases, "names": memory.names}
        metadata[TEXTS] = json.dumps(texts)
    save_file(state, folder / WEIGHTS, metadata=metadata)
    tokenizer.save(folder / TOKENIZER)
    digests = {name: digest_of_files([folder / name]) for name in (WEIGHTS, TOKENIZER)}
    config = dataclasses.replace(config, y_decoder=section, digests=config.digests | digests)
    save_config(config, folder / "config.json")
    return config
