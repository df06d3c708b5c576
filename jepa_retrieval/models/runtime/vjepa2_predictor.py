"""V-JEPA 2 with its own predictor, ready to run: read from a folder as the Hugging Face hub has it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexes.reasons import first_line
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import check_weights, read_tensors, weight_files
from jepa_retrieval.models.config.vjepa2_checkpoint import parse_vjepa2_checkpoint
from jepa_retrieval.models.runtime.device import choose_device
from jepa_retrieval.settings import shown
from jepa_retrieval.text_files import parse_json, read_text
from jepa_retrieval.user_paths import user_path

if TYPE_CHECKING:
    from jepa_retrieval.models.modules.vjepa2_predictor import VJepa2WithPredictor

CONFIG_FILE = "config.json"
MODEL_TYPE = "vjepa2"  # in the config
MAX_CONFIG_BYTES = 1 << 20
LOCAL = "local:"


def vjepa2_folder(name: str) -> Path | None:
    """The folder that a model's name stands for, if V-JEPA 2 lies there as on the Hugging Face hub; else None.

    Args:
        name: the path of a folder, also as `local:FOLDER`.

    Raises:
        ModelError: the folder's config cannot be read, or it is of another kind of V-JEPA.
    """
    folder = user_path(name.removeprefix(LOCAL))
    config = folder / CONFIG_FILE
    if not config.is_file():
        return None
    kind = _read(config).get("model_type")
    if kind == MODEL_TYPE:
        return folder
    if "jepa" in str(kind).lower():
        raise ModelError(f"{config}: model_type is {shown(kind)} (allowed: {MODEL_TYPE!r})")
    return None


def _read(config: Path) -> dict[str, Any]:
    text = read_text(config, max_bytes=MAX_CONFIG_BYTES, error=ModelError)
    content = parse_json(text, where=str(config), error=ModelError)
    return content if isinstance(content, dict) else {}


class PretrainedPredictor:
    """Predicts what follows in a clip; its weights are read at the first use."""

    def __init__(self, folder: Path, *, device: str = "auto") -> None:
        """Read the config, and look whether there are files of weights, without PyTorch, which takes seconds.

        Args:
            folder: holds `config.json` and the weights, as `transformers` writes them.
            device: "cpu", "cuda", or "auto", as for `load_model`.

        Raises:
            ModelError: there is no V-JEPA 2 in the folder, its config cannot be used, or a file of weights is none.
        """
        if vjepa2_folder(str(folder)) is None:
            raise ModelError(f"{folder}: is not V-JEPA 2 as on the Hugging Face hub (no {CONFIG_FILE} of it)")
        self.folder = folder
        self.name = f"{LOCAL}{folder}"
        self._device = device
        self._config = parse_vjepa2_checkpoint(_read(folder / CONFIG_FILE), where=str(folder / CONFIG_FILE))
        self.image_size = self._config.crop_size
        self.tubelet = self._config.tubelet_size
        for file in weight_files(folder):
            check_weights(file)

    @property
    def short_side(self) -> int:
        """Pixels of a picture's shorter side before the crop, as in V-JEPA 2's own evaluation: 292 for 256."""
        return self.image_size * 256 // 224

    def losses(self, frames: np.ndarray, contexts: Sequence[int]) -> np.ndarray:
        """How far predictions are from what came, as mean absolute differences, float32 [contexts, B].

        Args:
            frames: uint8 [B, T, S, S, 3], T a multiple of the tubelet.
            contexts: frames that are seen before the others are predicted, each a multiple of the tubelet.

        Raises:
            ModelError: the weights cannot be read.
        """
        import torch

        module = self._module
        with torch.no_grad():
            found: np.ndarray = module(torch.from_numpy(frames).to(self._where), contexts).cpu().numpy()
        return found

    @cached_property
    def _where(self) -> str:
        return choose_device(self._device)

    @cached_property
    def _module(self) -> VJepa2WithPredictor:
        import torch
        from transformers import VJEPA2Config, VJEPA2Model

        from jepa_retrieval.models.modules.vjepa2_predictor import VJepa2WithPredictor
        from jepa_retrieval.models.storage import not_finite

        try:
            with torch.device("meta"):  # no random weights are made first
                model = VJEPA2Model(VJEPA2Config(**dataclasses.asdict(self._config))).eval()
        except Exception as error:  # the library raises many kinds
            raise ModelError(f"{self.folder / CONFIG_FILE}: cannot be used ({first_line(error)})") from error
        wanted = set(model.state_dict())

        def choose(names: list[str]) -> dict[str, str]:
            found = {
                name.removeprefix("vjepa2."): name for name in names
            }  # of one with a classification head
            return {name: theirs for name, theirs in found.items() if name in wanted}

        tensors = read_tensors(self.folder, choose)
        if missing := sorted(wanted - set(tensors)):
            raise ModelError(f"{self.folder}: {len(missing)} tensors are missing, such as {missing[0]}")
        if (broken := not_finite(tensors)) is not None:
            raise ModelError(f"{self.folder}: {broken} has values that are not finite")
        try:
            model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
        except RuntimeError as error:
            raise ModelError(
                f"{self.folder}: does not fit its {CONFIG_FILE} ({first_line(error)})"
            ) from error
        return VJepa2WithPredictor(model).to(self._where).eval()
