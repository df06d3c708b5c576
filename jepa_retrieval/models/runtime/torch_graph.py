"""Graphs in PyTorch, for CUDA: in bfloat16 or float32, compiled and captured."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from indexes.reasons import first_line
from jepa_retrieval.models.runtime.compiled import (
    CapturedCalls,
    compile_layers,
    lay_out_images,
    undo_compilation,
)
from jepa_retrieval.models.runtime.precision import cast_matrices, computing_in

if TYPE_CHECKING:
    from torch import nn

_log = logging.getLogger(__name__)


class TorchGraph:
    """A module on a device; calls from several threads at once are safe, and run one after the other."""

    def __init__(
        self,
        module: nn.Module,
        device: torch.device | str,
        *,
        dtype: torch.dtype = torch.bfloat16,
        compiled: bool = True,
        captured: bool = True,
    ) -> None:
        """Move the module to the device.

        Args:
            module: arrays in, one float array out.
            device: of PyTorch.
            dtype: bfloat16, or float32 (with TF32 products on a GPU).
            compiled: its layers, by `torch.compile`. Where that fails a warning says why, and they run as they are.
            captured: capture calls whose shapes recur as CUDA graphs; on a GPU only.
        """
        self._device = torch.device(device)
        self._dtype = dtype
        self._module = cast_matrices(module.to(self._device), dtype).eval()
        self._is_cuda = self._device.type == "cuda"
        if self._is_cuda:
            lay_out_images(self._module)
        self.is_compiled = compiled and compile_layers(self._module)
        self._calls = CapturedCalls(self._call) if captured else None
        self._lock = threading.Lock()

    def __call__(self, *inputs: np.ndarray | Tensor) -> np.ndarray:
        """Run the graph once, on arrays or on tensors; those that are on the device already are not copied."""
        # Not inference mode, in which torch.compile would compile the layers again.
        with self._lock, torch.no_grad(), computing_in(self._dtype, self._device):
            return self._to_host((self._calls or self._call)(*map(self._to_device, inputs)).float())

    @property
    def captured(self) -> int:
        """How many shapes of calls were captured."""
        return self._calls.captured if self._calls else 0

    def _call(self, *inputs: Tensor) -> Tensor:
        try:
            found: Tensor = self._module(*inputs)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # the compiler raises many kinds, of Triton and of the C compiler too
            if not self.is_compiled or (
                torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()
            ):
                raise
            undo_compilation(self._module)
            self.is_compiled = False
            found = self._module(*inputs)  # an error of the module itself is raised here
            _log.warning("torch.compile failed, networks run uncompiled and slower: %s", first_line(error))
        return found

    def _to_device(self, array: np.ndarray | Tensor) -> Tensor:
        if isinstance(array, Tensor):
            return array.to(self._device)
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        # From and to pinned memory a GPU copies eight times as fast.
        return tensor.pin_memory().to(self._device, non_blocking=True) if self._is_cuda else tensor

    def _to_host(self, output: Tensor) -> np.ndarray:
        if self._is_cuda:
            host = torch.empty(output.shape, dtype=output.dtype, pin_memory=True)
            output = host.copy_(output)  # waits until it is there
        array: np.ndarray = output.numpy()
        return array
