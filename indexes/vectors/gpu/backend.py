"""What is asked of FAISS's GPU half: which GPUs there are, and indexes on one of them."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from indexes.vectors import import_faiss

if TYPE_CHECKING:
    import numpy as np  # not at import: `jepa --help` reads the kinds of GPU index, which import this module

# FAISS's compute memory (1.5 GB by default) and what a search of many queries needs.
RESERVED_BYTES = 2.5e9
# Candidates that CAGRA follows. With 64, as FAISS has it, it found 80% of the ten best of a million vectors, with 256
# 97%, and with 512 99% at half the speed (docs/gpu.md).
_MIN_FOLLOWED = 256


@dataclass(frozen=True, slots=True)
class Gpu:
    """A card that FAISS can use."""

    number: int
    free: float  # bytes that an index may take; infinite where that cannot be asked


def find_gpus() -> list[Gpu]:
    """All cards; none if this FAISS is built without CUDA or sees no card."""
    faiss = import_faiss()
    count = faiss.get_num_gpus() if hasattr(faiss, "StandardGpuResources") else 0
    return [Gpu(number, _free_bytes(number)) for number in range(count)]


def has_cagra() -> bool:
    """Whether FAISS is built with cuVS, which has the graph index CAGRA."""
    return hasattr(import_faiss(), "GpuIndexCagra")


def flat_index(size: int, gpu: int) -> Any:
    """An empty exact index of float16 vectors [E] by inner product."""
    faiss = import_faiss()
    config = faiss.GpuIndexFlatConfig()
    config.device, config.useFloat16 = gpu, True
    # An index of FAISS holds the resources that it was made with: nobody else has to.
    return faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), size, config)


def cagra_index(size: int, gpu: int) -> Any:
    """An empty CAGRA graph over vectors [d] by inner product; it is made whole by `train`."""
    faiss = import_faiss()
    config = faiss.GpuIndexCagraConfig()
    config.device = gpu
    return faiss.GpuIndexCagra(faiss.StandardGpuResources(), size, faiss.METRIC_INNER_PRODUCT, config)


def search_cagra(graph: Any, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows [Q, count] for queries [Q, d]."""
    parameters = import_faiss().SearchParametersCagra()
    parameters.itopk_size = max(_MIN_FOLLOWED, -(-count // 32) * 32)  # as many as are wanted, in cuVS's steps
    found: tuple[np.ndarray, np.ndarray] = graph.search(queries, count, params=parameters)
    return found


def copied_to_gpu(index: Any, gpu: int) -> Any:
    """A copy of a CPU index, trained or not, with the same codes."""
    faiss = import_faiss()
    options = faiss.GpuClonerOptions()
    options.useFloat16LookupTables = True  # long codes do not fit the card's fast memory otherwise
    options.indicesOptions = faiss.INDICES_64_BIT
    return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), gpu, index, options)


def _free_bytes(gpu: int) -> float:
    """By the CUDA runtime that FAISS has loaded: FAISS itself cannot say."""
    for name in ("libcudart.so.13", "libcudart.so.12"):
        try:
            runtime = ctypes.CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
        except OSError:
            continue
        before, free, total = ctypes.c_int(), ctypes.c_size_t(), ctypes.c_size_t()
        runtime.cudaGetDevice(ctypes.byref(before))
        failed = runtime.cudaSetDevice(gpu) or runtime.cudaMemGetInfo(ctypes.byref(free), ctypes.byref(total))
        runtime.cudaSetDevice(before)
        if not failed:
            return max(0.0, free.value - RESERVED_BYTES)
    return float("inf")
