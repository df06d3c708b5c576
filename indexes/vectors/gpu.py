"""Exact search on a CUDA GPU, where FAISS finds one."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from indexes.reasons import reason
from indexes.vectors import import_faiss
from indexes.vectors.extended_rows import Embeddings

logger = logging.getLogger(__name__)

_BLOCK = 65_536


def make_gpu_index(embeddings: Embeddings) -> Any:
    """A `faiss.GpuIndexFlatIP` over float16 [n, E] on the first GPU.

    None if FAISS sees no GPU, or if the vectors do not fit in its memory (a warning says so).
    """
    faiss = import_faiss()

    if faiss.get_num_gpus() == 0:
        return None
    try:
        config = faiss.GpuIndexFlatConfig()
        config.useFloat16 = True
        index = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), embeddings.shape[1], config)
        for begin in range(0, len(embeddings), _BLOCK):
            index.add(embeddings[begin : begin + _BLOCK].astype(np.float32))
    except RuntimeError as error:
        logger.warning("searching on the CPU, because the GPU refused: %s", reason(error))
        return None
    return index
