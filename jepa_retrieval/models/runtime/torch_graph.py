"""Graphs in PyTorch, for CUDA: in bfloat16 or float32, and compiled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from indexes.reasons import first_line
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
    ) -> None:
        """Move the module to the device.

        Args:
            module: arrays in, one float array out.
            device: of PyTorch.
            dtype: bfloat16, or float32 (with TF32 products on a GPU).
            compiled: by `torch.compile`. Where that fails a warning says why, and the module runs as it is.
        """
        self._device = torch.device(device)
        self._dtype = dtype
        self._module = cast_matrices(module.to(self._device), dtype).eval()
        # Batches and texts differ in length: without `dynamic` every new shape would be compiled anew.
        self._compiled: Callable[..., Any] | None = (
            torch.compile(self._module, dynamic=True) if compiled else None
        )
        self._lock = threading.Lock()

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        """Run the graph once."""
        # Not inference mode: what is compiled under it cannot be told from what is not, and is compiled again.
        with self._lock, torch.no_grad(), computing_in(self._dtype, self._device):
            output: np.ndarray = self._run([self._to_device(array) for array in inputs]).float().cpu().numpy()
        return output

    def _run(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        if self._compiled is not None:
            try:
                result: torch.Tensor = self._compiled(*inputs)
                return result
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # the compiler raises many kinds, of Triton and of the C compiler too
                found = self._module(*inputs)  # an error of the module itself is raised here
                reason = first_line(error)
                _log.warning("torch.compile failed, networks run uncompiled and slower: %s", reason)
                self._compiled = None
                return found
        return self._module(*inputs)

    def _to_device(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
