"""FAISS's kinds of vector index on the card, at a million and ten million vectors of 512 numbers; the CPU beside it.

Vectors are made: Gaussian in 128 directions of decreasing strength and noise in all, of unit length, which is as
spread as a model's embeddings are; queries lie off them as texts do. Truth is PyTorch's exact search in float32.
Without FAISS for CUDA only that exact search is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.facts import Facts, reason
from benchmarks.gpu.timing import seconds_of

SIZE, TOP, QUERIES = 512, 10, 10_000
CANDIDATES = 40  # of which the ten best by full float16 vectors are taken, as the product does
BLOCK = 500_000


def run(facts: Facts) -> None:
    """PyTorch first, which is always there, then FAISS kind by kind."""
    counts = [20_000] if facts.smoke else [1_000_000, 10_000_000]
    faiss = _faiss(facts)
    for count in counts:
        name = f"{count:,}"
        data = Data(count, facts.device, few=facts.smoke)
        _measure_torch(facts, name, data)
        for title, make in _kinds(faiss, count, facts) if faiss else ():
            if facts.seconds_left() < (15 if count < 5_000_000 else 40):
                facts.not_run(f"{name} {title}", "no time was left")
                continue
            try:
                _measure(facts, name, title, make, data)
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

    def blocks(self) -> Any:
        """Float32 arrays of the vectors, on the host."""
        for begin in range(0, len(self.on_device), BLOCK):
            yield self.on_device[begin : begin + BLOCK].float().cpu().numpy()

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
    if not hasattr(faiss, "StandardGpuResources") or facts.device != "cuda" or faiss.get_num_gpus() == 0:
        facts.not_run("FAISS on the GPU", "this FAISS has no CUDA, or sees no card")
    facts.say(faiss=faiss.__version__, options=str(faiss.get_compile_options()).strip())
    return faiss


Make = Callable[[Data], tuple[Any, Callable[[Any, int], None]]]


def _kinds(faiss: Any, count: int, facts: Facts) -> list[tuple[str, Make]]:
    """Name and maker of every kind; a maker gives the index and a function that sets its effort."""
    lists = min(8192, int(4 * np.sqrt(count)))

    def on_cpu(factory: str) -> Make:
        def make(data: Data) -> tuple[Any, Callable[[Any, int], None]]:
            index = faiss.index_factory(SIZE, factory, faiss.METRIC_INNER_PRODUCT)
            _fill(index, data, lists)
            return index, lambda index, probes: setattr(faiss.extract_index_ivf(index), "nprobe", probes)

        return make

    def on_gpu(factory: str, *, fp16_tables: bool = False) -> Make:
        def make(data: Data) -> tuple[Any, Callable[[Any, int], None]]:
            resources = faiss.StandardGpuResources()
            options = faiss.GpuClonerOptions()
            options.useFloat16 = True
            options.useFloat16LookupTables = fp16_tables
            options.usePrecomputed = False
            empty = faiss.index_factory(SIZE, factory, faiss.METRIC_INNER_PRODUCT)
            index = faiss.index_cpu_to_gpu(resources, 0, empty, options)
            index.kept_alive = resources
            _fill(index, data, lists)
            return index, lambda index, probes: setattr(index, "nprobe", probes)

        return make

    kinds: list[tuple[str, Make]] = []
    if hasattr(faiss, "StandardGpuResources") and facts.device == "cuda" and faiss.get_num_gpus():
        kinds += [
            ("gpu_flat_fp16", on_gpu("Flat")),
            ("gpu_ivf_sq8", on_gpu(f"IVF{lists},SQ8")),
            ("gpu_ivf_flat", on_gpu(f"IVF{lists},Flat")),
            ("gpu_ivf_pq64", on_gpu(f"IVF{lists},PQ64", fp16_tables=True)),
        ]
        if hasattr(faiss, "GpuIndexCagra"):
            facts.not_run(f"{count:,} gpu_cagra", "not written for this script yet")
        else:
            facts.not_run(f"{count:,} gpu_cagra", "this FAISS has no cuVS")
    if count <= 1_000_000:
        kinds.append(("cpu_ivf_sq8", on_cpu(f"IVF{lists},SQ8")))
    return kinds


def _fill(index: Any, data: Data, lists: int) -> None:
    step = max(1, len(data.on_device) // (40 * lists))
    sample = data.on_device[::step][: 40 * lists].float().cpu().numpy()
    index.train(sample)
    for block in data.blocks():
        index.add(block)


def _measure(facts: Facts, name: str, title: str, make: Make, data: Data) -> None:
    free = torch.cuda.mem_get_info()[0] if data.device == "cuda" else 0
    began = time.perf_counter()
    index, set_effort = make(data)
    seconds = time.perf_counter() - began
    used = free - torch.cuda.mem_get_info()[0] if data.device == "cuda" else 0
    facts.say(name, title, build_seconds=seconds, memory_gb=used / 1e9)
    for probes in (0,) if "flat_fp16" in title else (16, 64, 128):
        if probes:
            set_effort(index, probes)
        key = f"probes {probes}" if probes else "all"
        rows = index.search(data.queries[:1000], CANDIDATES)[1]
        facts.say(name, title, key, recall_at_10=data.recall(data.exact_scores(rows)))
        for batch in (1, len(data.queries)):
            if title.startswith("cpu") and batch > 1:
                batch = 1000
            asked = data.queries[:batch]
            spent = seconds_of(
                lambda asked=asked: index.search(asked, CANDIDATES),  # type: ignore[misc]
                data.device,
                repeats=10 if batch == 1 else 1,
                warm_up=1,
            )
            facts.say(name, title, key, **{f"queries_per_second_batch_{batch}": batch / spent})
