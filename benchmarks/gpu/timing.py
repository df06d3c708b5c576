"""Times and memory on a device, and a graph that is captured once and replayed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

GB = 1e9


def synchronise(device: str) -> None:
    """Wait until the device has done all it was asked."""
    if device == "cuda":
        torch.cuda.synchronize()


def seconds_of(work: Callable[[], object], device: str, *, repeats: int = 10, warm_up: int = 3) -> float:
    """Median seconds of `work`, which is done at once on the device."""
    for _ in range(warm_up):
        work()
    synchronise(device)
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        synchronise(device)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def peak_memory(work: Callable[[], object], device: str) -> int:
    """Most bytes that PyTorch held on the device while `work` ran; 0 on a CPU."""
    if device != "cuda":
        work()
        return 0
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    work()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated()


def captured(call: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> Callable[[], Tensor]:
    """`call` on `inputs` as a CUDA graph: all kernels are launched by one call."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = call(*inputs)

    def replay() -> Tensor:
        graph.replay()
        return output

    return replay


def operations_of(call: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> int:
    """Floating-point operations of matrix products, convolutions and attention; a multiply-add counts two."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        call(*inputs)
    return counter.get_total_flops()


def product_rate(device: str, dtype: torch.dtype, *, size: int) -> float:
    """Operations a second of a square matrix product on random numbers, the limit for everything else."""
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / seconds_of(lambda: left @ right, device, repeats=10)
