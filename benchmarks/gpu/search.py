"""The product's kinds of GPU index, at a million and ten million vectors of 512 numbers; its CPU kind beside them.

Vectors are made: Gaussian in 128 directions of decreasing strength and noise in all, of unit length, which is as
spread as a model's embeddings are; queries lie off them as texts do. Truth is PyTorch's exact search in float32.
Without FAISS for CUDA only that exact search is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.facts import Facts, reason
from benchmarks.gpu.timing import seconds_of
from indexes.vectors.ann_index import AnnIndex
from indexes.vectors.gpu import backend
from indexes.vectors.gpu.backend import Gpu
from indexes.vectors.gpu.index import GpuIndex
from indexes.vectors.gpu.kinds import GPU_KINDS
from indexes.vectors.kinds import KINDS
from indexes.vectors.reduce import principal_axes

SIZE, TOP, QUERIES = 512, 10, 10_000
BLOCK = 500_000

Search = Callable[
    [np.ndarray, int], np.ndarray
]  # queries float32 [Q, E] and a number to rows int64 [Q, number]


def run(facts: Facts) -> None:
    """PyTorch first, which is always there, then FAISS kind by kind."""
    counts = [20_000] if facts.smoke else [1_000_000, 10_000_000]
    faiss = _faiss(facts)
    for count in counts:
        name = f"{count:,}"
        data = Data(count, facts.device, few=facts.smoke)
        _measure_torch(facts, name, data)
        for title in _kinds(facts, count) if faiss else ():
            if facts.seconds_left() < (15 if count < 5_000_000 else 45):
                facts.not_run(f"{name} {title}", "no time was left")
                continue
            try:
                _measure(facts, name, title, data)
            except Exception as error:
                facts.say(name, title, failed=reason(error))
        del data
        if facts.device == "cuda":
            torch.cuda.empty_cache()


class Data:
    """Vectors on the device (float16 [n, E]) and on the host, queries float32 [Q, E], and the true best scores."""

    def __init__(self, count: int, device: str, *, few: bool) -> None:
        generator = torch.Generator(device).manual_seed(0)
        self.device = device
        strength = torch.arange(1, 129, device=device).pow(-0.5)
        axes = torch.linalg.qr(torch.randn(SIZE, 128, device=device, generator=generator))[0].T
        self._axes = strength[:, None] * axes
        self._mean = 0.5 * torch.nn.functional.normalize(
            torch.randn(SIZE, device=device, generator=generator), dim=0
        )
        self.on_device = torch.empty(count, SIZE, dtype=torch.float16, device=device)
        for begin in range(0, count, BLOCK):
            rows = self.on_device[begin : begin + BLOCK]
            rows.copy_(self._points(len(rows), generator, 0.02))
        queries = self._points(500 if few else QUERIES, generator, 0.04)
        self.queries = queries.cpu().numpy()
        self.truth = exact_search(self.on_device, queries[:1000])[0].cpu().numpy()

    def _points(self, count: int, generator: torch.Generator, noise: float) -> Tensor:
        inside = torch.randn(count, 128, device=self.device, generator=generator) @ self._axes
        around = noise * torch.randn(count, SIZE, device=self.device, generator=generator)
        return torch.nn.functional.normalize(self._mean + 0.35 * inside + around, dim=1)

    @cached_property
    def on_host(self) -> np.ndarray:
        """Float16 [n, E]."""
        rows: np.ndarray = self.on_device.cpu().numpy()
        return rows

    def recall(self, scores: np.ndarray) -> float:
        """Of the ten best of the first thousand queries, from exact scores [1000, 10]."""
        return float(np.mean(scores >= self.truth[:, -1:] - 1e-3))

    def exact_scores(self, rows: np.ndarray) -> np.ndarray:
        """The ten best scores of candidates int [Q, C] by their full vectors, best first."""
        found = torch.from_numpy(np.maximum(rows, 0)).to(self.device)
        queries = torch.from_numpy(self.queries[: len(rows)]).to(self.device)
        scores = torch.einsum("qce,qe->qc", self.on_device[found].float(), queries)
        scores[torch.from_numpy(rows < 0).to(self.device)] = -2
        return scores.topk(min(TOP, rows.shape[1]), dim=1).values.cpu().numpy()


def exact_search(vectors: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
    """Scores and rows of the ten best, a block of vectors at a time; products in float16, sums in float32."""
    best, rows = torch.empty(len(queries), 0, device=queries.device), None
    for begin in range(0, len(vectors), BLOCK):
        for_block = (queries.half() @ vectors[begin : begin + BLOCK].T).topk(TOP, dim=1)
        found = for_block.indices + begin
        best = torch.cat([best, for_block.values.float()], dim=1)
        rows = found if rows is None else torch.cat([rows, found], dim=1)
        best, order = best.topk(TOP, dim=1)
        rows = rows.gather(1, order)
    assert rows is not None
    return best, rows


def _measure_torch(facts: Facts, name: str, data: Data) -> None:
    queries = torch.from_numpy(data.queries).to(data.device)
    for batch in (1, len(queries)):
        asked = queries[:batch]

        def search(asked: Tensor = asked) -> None:
            for begin in range(0, len(asked), 2000):
                exact_search(data.on_device, asked[begin : begin + 2000])[0].cpu()

        seconds = seconds_of(search, data.device, repeats=5 if batch == 1 else 1, warm_up=1)
        facts.say(name, "torch_exact_fp16", **{f"queries_per_second_batch_{batch}": batch / seconds})


def _faiss(facts: Facts) -> Any:
    try:
        import faiss
    except (ImportError, OSError) as error:
        facts.not_run("FAISS", reason(error))
        return None
    if not _on_gpu(facts):
        facts.not_run("FAISS on the GPU", "this FAISS has no CUDA, or sees no card")
    facts.say(faiss=faiss.__version__, options=str(faiss.get_compile_options()).strip())
    return faiss


def _on_gpu(facts: Facts) -> bool:
    return facts.device == "cuda" and bool(backend.find_gpus())


def _kinds(facts: Facts, count: int) -> list[str]:
    kinds = list(GPU_KINDS) if _on_gpu(facts) else []
    if "gpu-cagra" in kinds and not backend.has_cagra():
        kinds.remove("gpu-cagra")
        facts.not_run(f"{count:,} gpu-cagra", "this FAISS has no cuVS")
    return [*kinds, "ivf-sq8"] if count <= 1_000_000 else kinds


def _on_card(title: str, vectors: np.ndarray) -> tuple[Search, Callable[[int], None]]:
    index = GpuIndex.build(GPU_KINDS[title], vectors, [Gpu(0, float("inf"))])
    return index.search, index.set_probes


def _on_cpu(title: str, vectors: np.ndarray) -> tuple[Search, Callable[[int], None]]:
    ann = AnnIndex.train(KINDS[title], vectors, principal_axes(vectors))
    ann.add(vectors)
    efforts = [1]
    return lambda queries, count: ann.search(queries, count, efforts[-1]), efforts.append


def _measure(facts: Facts, name: str, title: str, data: Data) -> None:
    on_card, vectors = title in GPU_KINDS, data.on_host
    candidates = GPU_KINDS[title].candidates if on_card else KINDS[title].candidates
    free = torch.cuda.mem_get_info()[0] if on_card else 0
    began = time.perf_counter()
    search, set_effort = (_on_card if on_card else _on_cpu)(title, vectors)
    facts.say(name, title, build_seconds=time.perf_counter() - began, candidates=candidates)
    if on_card:
        facts.say(name, title, memory_gb=(free - torch.cuda.mem_get_info()[0]) / 1e9)
    for effort in (16, 64, 128) if "ivf" in title else (0,):
        if effort:
            set_effort(effort)
        key = f"probes {effort}" if effort else "all"
        rows = search(data.queries[:1000], candidates)
        facts.say(name, title, key, recall_at_10=data.recall(data.exact_scores(rows)))
        for batch in (1, len(data.queries) if on_card else 1000):
            asked = data.queries[:batch]
            spent = seconds_of(
                lambda asked=asked: search(asked, candidates),  # type: ignore[misc]
                data.device,
                repeats=10 if batch == 1 else 1,
                warm_up=1,
            )
            facts.say(name, title, key, **{f"queries_per_second_batch_{batch}": batch / spent})
