"""Graphs in PyTorch, for CUDA: bfloat16 and compiled."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import nn


class TorchGraph:
    """A module on a device; calls from several threads at once are safe, and run one after the other."""

    def __init__(
        self,
        module: nn.Module,
        device: torch.device | str,
        *,
        dtype: torch.dtype = torch.bfloat16,
        compiled: bool = True,
    ) -> None:
        self._device = torch.device(device)
        self._dtype = dtype
        self._module = module.to(self._device, dtype).eval()
        # Batches and texts differ in length: without `dynamic` every new shape would be compiled anew.
        self._run = torch.compile(self._module, dynamic=True) if compiled else self._module
        self._lock = threading.Lock()

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        """Run the graph once."""
        with self._lock, torch.inference_mode():
            output: np.ndarray = self._run(*map(self._to_device, inputs)).float().cpu().numpy()
        return output

    def _to_device(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
        return tensor.to(self._dtype) if tensor.is_floating_point() else tensor
