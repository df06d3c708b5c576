"""`RuntimeModel`: a model's four parts, each made ready when it is first used."""

from __future__ import annotations

import dataclasses
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config import (
    FrameFit,
    LlamaPredictorConfig,
    ModelConfig,
    OpenClipImageConfig,
)
from jepa_retrieval.models.fingerprint import fingerprint, fingerprint_of_x_encoder
from jepa_retrieval.models.hub import NotFetchedError
from jepa_retrieval.models.runtime.decoding import GraphYDecoder
from jepa_retrieval.models.runtime.device import Device, choose_device, wanted_device
from jepa_retrieval.models.runtime.parts import (
    CPU_CALLS,
    Graph,
    GraphPredictor,
    GraphXEncoder,
    GraphYEncoder,
    batch_size_for,
)
from jepa_retrieval.models.sentences import SentenceTokenizer
from jepa_retrieval.models.sources import locate
from jepa_retrieval.models.text_tokenizers import query_tokenizer, target_tokenizer
from jepa_retrieval.models.y_decoder_files import (
    TOKENIZER,
    WEIGHTS,
    check_y_decoder,
    load_y_decoder,
    read_memory,
)
from jepa_retrieval.text_files import read_lines

if TYPE_CHECKING:
    from torch import nn

    from jepa_retrieval.models.modules.vl_jepa import VLJEPA
    from jepa_retrieval.models.runtime.graphs import Part
    from jepa_retrieval.models.runtime.openvino_graph import Inputs


class RuntimeModel:
    """A model that is ready to run. Parts are lazy, and may be used from several threads."""

    def __init__(
        self, config: ModelConfig, *, build: Callable[[], VLJEPA], base: Path, device: Device = "auto"
    ) -> None:
        """Nothing is loaded yet.

        Args:
            config: with the digests of all weights.
            build: makes the PyTorch model with its weights; called only where no converted graph is cached.
            base: what relative paths in `config` are relative to.
            device: "auto" is $JEPA_DEVICE, else CUDA where PyTorch can use it. With "auto" the Y-Encoder stays on the
                CPU, which encodes a text in less time than importing PyTorch takes.
        """
        self.config = config
        self.name = config.name
        self.prompt = config.prompt
        self.embedding_size = config.embedding_size
        self.frames_per_window = config.frames_per_window
        self.temperature = config.temperature
        self.languages = config.languages
        self._build = build
        self._base = base
        self._device = wanted_device(device)
        self._lock = threading.RLock()
        choose_device(
            "cpu" if self._device == "auto" else self._device
        )  # a wrong device is an error now, not at first use

    def with_frame_fit(self, fit: FrameFit) -> RuntimeModel:
        """The same weights with pictures made square in another way: embeddings and fingerprint differ."""
        x_encoder = dataclasses.replace(self.config.x_encoder, frame_fit=fit)
        config = dataclasses.replace(self.config, x_encoder=x_encoder)
        return RuntimeModel(config, build=self._build, base=self._base, device=self._device)

    @property
    def x_encoder(self) -> GraphXEncoder:
        """Frames to S_V."""
        with self._lock, self._told_how_to_fetch():
            return self._x_encoder

    @property
    def predictor(self) -> GraphPredictor:
        """S_V and a query to Ŝ_Y."""
        with self._lock, self._told_how_to_fetch():
            return self._predictor

    @property
    def y_encoder(self) -> GraphYEncoder:
        """Texts to S_Y."""
        with self._lock, self._told_how_to_fetch():
            return self._y_encoder

    @property
    def y_decoder(self) -> GraphYDecoder | None:
        """Ŝ_Y to text; None for a model without one."""
        if self.config.y_decoder is None:
            return None
        with self._lock, self._told_how_to_fetch():
            return self._y_decoder

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """The answer vocabulary, commonest first; empty for a model without one."""
        if self.config.answers is None:
            return ()
        return tuple(read_lines(locate(self.config.answers, base=self._base)))

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text that the Y-Encoder's tokenizer has no token for."""
        return self.y_encoder.unknown_words(text)

    @contextmanager
    def _told_how_to_fetch(self) -> Iterator[None]:
        """Add the command that downloads to the error of a file that is not on this machine."""
        try:
            yield
        except NotFetchedError as error:
            command = shlex.join(["jepa", "models", "fetch", self.name])
            raise ModelError(f"{error}; to download what {self.name} needs: {command}") from error

    def fingerprint(self, prompt: str | None = None) -> str:
        """Hex hash of config, weights and prompt (None: the default)."""
        return fingerprint(self.config, prompt)

    def device_of(self, part: Part) -> Literal["cpu", "cuda"]:
        """Where a part runs."""
        return "cpu" if self._device == "auto" and part == "y_encoder" else choose_device(self._device)

    @cached_property
    def _x_encoder(self) -> GraphXEncoder:
        section, graph = self.config.x_encoder, self._graph("x_encoder")
        if self.device_of("x_encoder") == "cpu":
            return GraphXEncoder(section, graph, calls=CPU_CALLS)
        import torch

        size = batch_size_for(section, torch.cuda.mem_get_info()[0])
        return GraphXEncoder(section, graph, batch_size=size, device="cuda")

    @cached_property
    def _predictor(self) -> GraphPredictor:
        return GraphPredictor(self._graph("predictor"), query_tokenizer(self.config, base=self._base))

    @cached_property
    def _y_encoder(self) -> GraphYEncoder:
        tokenise = target_tokenizer(self.config, base=self._base)
        return GraphYEncoder(self._graph("y_encoder"), tokenise, embedding_size=self.embedding_size)

    @cached_property
    def _y_decoder(self) -> GraphYDecoder:
        section = check_y_decoder(self.config, self._base)
        return GraphYDecoder(
            section,
            self._compiled(
                "y_decoder"
            ),  # on the CPU even if there is a GPU: a token is too little work for it
            SentenceTokenizer.read(self._base / TOKENIZER),
            memory=read_memory(self._base),
            y_encoder=lambda: self.y_encoder,
        )

    @cached_property
    def _torch_model(self) -> VLJEPA:
        return self._build()

    def _graph(self, part: Part) -> Graph:
        if self.device_of(part) == "cuda":
            import torch

            from jepa_retrieval.models.runtime.torch_graph import TorchGraph

            # Texts may be encoded on either device, and few are: float32 as on a CPU.
            is_reduced = self.config.precision == "bfloat16" and part != "y_encoder"
            dtype = torch.bfloat16 if is_reduced else torch.float32
            return TorchGraph(self.torch_module(part), "cuda", dtype=dtype)
        return self._compiled(part)

    def _compiled(self, part: Part) -> Graph:
        from jepa_retrieval.models.runtime.openvino_graph import cached_graph
        from jepa_retrieval.models.runtime.topologies import read_topology

        key = self.graph_key(part)
        return cached_graph(
            self._graph_name(part),
            key,
            build=lambda: self.torch_module(part),
            inputs=part_inputs(self.config, part),
            # open_clip's users compare numbers with open_clip's own; bfloat16 would differ in the third decimal.
            reduced_precision=part == "x_encoder"
            and not isinstance(self.config.x_encoder, OpenClipImageConfig),
            concurrent=part == "x_encoder",
            shipped=lambda core: read_topology(core, part, key, base=self._base),
        )

    def _graph_name(self, part: str) -> str:
        return re.sub(r"[^a-z0-9.]+", "-", f"{self.name}-{part}".lower())

    def graph_key(self, part: Part) -> str:
        """Changes whenever the weights or the architecture of a part's graph do."""
        if part == "y_decoder":
            return f"{part} {self.config.digests.get(WEIGHTS)} {self.config.y_decoder}"
        found = fingerprint_of_x_encoder(self.config) if part == "x_encoder" else self.fingerprint("")
        return f"{part} {found}"

    def torch_module(self, part: Part) -> nn.Module:
        """A part as the PyTorch module that its graph is made from: arrays in and out as the graph's."""
        from jepa_retrieval.models.runtime.graphs import YDecoderGraph, build_graph

        if part != "y_decoder":
            return build_graph(self._torch_model, part)
        section = check_y_decoder(self.config, self._base)
        module = load_y_decoder(section, self._base, embedding_size=self.embedding_size)
        return YDecoderGraph(module).eval()


def part_inputs(config: ModelConfig, part: Part) -> Inputs:
    """Shapes (-1: any) and types of the arrays that a part's graph takes."""
    size = config.x_encoder.image_size
    if part == "x_encoder":
        return {"frames": ((-1, -1, size, size, 3), "uint8")}
    if part == "y_encoder":
        return {"ids": ((-1, -1), "int64"), "mask": ((-1, -1), "int64")}
    if part == "y_decoder" and (section := config.y_decoder) is not None:
        return {
            "embeddings": ((-1, config.embedding_size), "float32"),
            "ids": ((-1, 1), "int64"),
            "cache": ((-1, 2 * section.layers, section.max_tokens, section.width), "float32"),
            "filled": ((1,), "int64"),
        }
    tokens: Inputs = {"tokens": ((-1, -1, config.x_encoder.token_size), "float32")}
    if not isinstance(config.predictor, LlamaPredictorConfig):
        return tokens
    queries: Inputs = {
        "query_ids": ((-1, -1), "int64"),
        "query_mask": ((-1, -1), "int64"),
        "rows": ((-1,), "int64"),
    }
    return tokens | queries
