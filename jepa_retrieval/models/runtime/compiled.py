"""Faster PyTorch on a GPU: the repeated layers of a network compiled, and whole calls replayed as CUDA graphs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

_log = logging.getLogger(__name__)

CALLS_BEFORE_CAPTURE = 2  # with inputs of one shape: a rare shape is not worth the memory
MAX_CAPTURED = 24  # shapes that are kept


def repeated_layers(module: nn.Module) -> Iterator[nn.Module]:
    """The members of every list of equal layers: of one class, with parameters of the same shapes."""
    for part in module.modules():
        if isinstance(part, nn.ModuleList) and len(part) > 1:
            kinds = {(type(layer), tuple(p.shape for p in layer.parameters())) for layer in part}
            if len(kinds) == 1 and any(True for _ in part[0].parameters()):
                yield from part


def compile_layers(module: nn.Module) -> bool:
    """Compile the repeated layers of a network, each list of them once; whether there are any.

    They are where a transformer spends its time, and compiling one of 24 equal layers takes a 24th of compiling all.
    """
    layers = list(repeated_layers(module))
    for layer in layers:
        layer.compile(dynamic=True)
    return bool(layers)


def lay_out_images(module: nn.Module) -> None:
    """Store the weights of 2-D convolutions channels-last, as a GPU's matrix units read them."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)


def undo_compilation(module: nn.Module) -> None:
    """Run all layers uncompiled again."""
    for part in module.modules():
        part._compiled_call_impl = None


class CapturedCalls:
    """A function of tensors whose calls are captured as CUDA graphs, one for each set of shapes that recurs.

    A small network's kernels take less time than launching them one by one does; a graph is launched as a whole. The
    result of a call is valid until the next call. Not for several threads at once.
    """

    def __init__(self, call: Callable[..., Tensor]) -> None:
        self._call = call
        self._seen: dict[tuple[object, ...], int] = {}
        self._graphs: dict[tuple[object, ...], tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...], Tensor]] = {}
        self._works = True

    @property
    def captured(self) -> int:
        """For how many sets of shapes there is a graph."""
        return len(self._graphs)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """As the function."""
        key = tuple((tensor.shape, tensor.dtype) for tensor in inputs)
        if key in self._graphs:
            return self._replay(key, inputs)
        self._seen[key] = self._seen.get(key, 0) + 1
        found = self._call(*inputs)
        is_due = self._seen[key] >= CALLS_BEFORE_CAPTURE and len(self._graphs) < MAX_CAPTURED
        if self._works and is_due and inputs[0].is_cuda:
            self._capture(key, inputs)
        return found

    def _replay(self, key: tuple[object, ...], inputs: Sequence[Tensor]) -> Tensor:
        graph, places, output = self._graphs[key]
        for place, given in zip(places, inputs, strict=True):
            place.copy_(given)
        graph.replay()
        return output

    def _capture(self, key: tuple[object, ...], inputs: Sequence[Tensor]) -> None:
        places = tuple(tensor.clone() for tensor in inputs)
        graph = torch.cuda.CUDAGraph()
        try:
            torch.cuda.synchronize()
            # "thread_local": other threads go on meanwhile, such as those that decode on this GPU.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                output = self._call(*places)
        except RuntimeError as error:  # an operation that cannot be captured, or no memory for it
            self._works = False
            _log.info("calls are not captured as CUDA graphs: %s", str(error).splitlines()[0])
            return
        self._graphs[key] = graph, places, output
