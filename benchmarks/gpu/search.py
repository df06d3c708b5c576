"""The product's kinds of GPU index, at a million and ten million vectors of 512 numbers; its CPU kind beside them.

Vectors are made: Gaussian in 128 directions of decreasing strength and noise in all, of unit length, which is as
spread as a model's embeddings are; queries lie off them as texts do. Truth is PyTorch's exact search. Each kind is
searched as the product does, its candidates ranked by the full vectors in the host's memory, and then by itself.
Without FAISS for CUDA only the exact search is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.facts import Facts, reason
from benchmarks.gpu.timing import seconds_of
from indexes.vectors.ann_index import AnnIndex
from indexes.vectors.gpu import backend, resident
from indexes.vectors.gpu.kinds import GPU_KINDS
from indexes.vectors.gpu.settings import GpuSettings
from indexes.vectors.kinds import KINDS
from indexes.vectors.reduce import principal_axes
from indexes.vectors.search import VectorSearch

SIZE, TOP, QUERIES = 512, 10, 10_000
BLOCK = 500_000

Search = Callable[
    [np.ndarray, int], np.ndarray
]  # queries float32 [Q, E] and a number to rows int64 [Q, number]


def run(facts: Facts) -> None:
    """PyTorch first, which is always there, then FAISS kind by kind."""
    counts = facts.vectors or ((20_000,) if facts.smoke else (1_000_000, 10_000_000))
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
    if not _on_gpu():
        facts.not_run("FAISS on the GPU", "this FAISS has no CUDA, or sees no card")
    facts.say(faiss=faiss.__version__, options=str(faiss.get_compile_options()).strip())
    return faiss


def _on_gpu() -> bool:
    return bool(backend.find_gpus())


def _kinds(facts: Facts, count: int) -> list[str]:
    kinds = list(GPU_KINDS) if _on_gpu() else []
    if "gpu-cagra" in kinds and not backend.has_cagra():
        kinds.remove("gpu-cagra")
        facts.not_run(f"{count:,} gpu-cagra", "this FAISS has no cuVS")
    kinds = [*kinds, "ivf-sq8"] if count <= 1_000_000 else kinds
    return [kind for kind in kinds if not facts.kinds or kind in facts.kinds]


def _measure(facts: Facts, name: str, title: str, data: Data) -> None:
    on_card = title in GPU_KINDS
    kind = (GPU_KINDS if on_card else KINDS)[title]
    facts.say(name, title, candidates=kind.candidates)
    try:
        search, set_effort = (_on_card if on_card else _on_cpu)(facts, name, title, data)
        for effort in (16, 64, 128) if "ivf" in title else (0,):
            if effort:
                set_effort(effort)
            key = f"probes {effort}" if effort else "all"
            rows = search(data.queries[:1000], kind.candidates)
            facts.say(name, title, key, recall_at_10=data.recall(data.exact_scores(rows)))
            _say_rates(facts, (name, title, key), data, lambda asked: search(asked, kind.candidates), on_card)
    finally:
        resident.RESIDENT.forget(Path(name) / title)


def _free_bytes(facts: Facts) -> int:
    return torch.cuda.mem_get_info()[0] if facts.device == "cuda" else 0


def _on_card(facts: Facts, name: str, title: str, data: Data) -> tuple[Search, Callable[[int], None]]:
    """The index on the card, after it was searched through the product's interface."""
    vectors, rows = data.on_host, np.arange(len(data.on_host))
    free, began = _free_bytes(facts), time.perf_counter()
    settings = GpuSettings(Path(name) / title, len(vectors), device="cuda", kind=title)
    index = resident.RESIDENT.get(settings, vectors, None, 0, comparisons=0)
    if index is None:
        raise RuntimeError("the GPU refused; the warning above says why")
    whole = VectorSearch(vectors, gpu=settings)
    scores = whole.search(data.queries[:1000], TOP, rows)[0]  # CAGRA makes its graph at the first search
    facts.say(
        name,
        title,
        seconds_to_first_results=time.perf_counter() - began,
        memory_gb=(free - _free_bytes(facts)) / 1e9,
    )
    facts.say(name, title, "product", kind=whole.load_faiss().kind, recall_at_10=data.recall(scores))
    _say_rates(facts, (name, title, "product"), data, lambda asked: whole.search(asked, TOP, rows), True)
    hundred = seconds_of(
        lambda: whole.search(data.queries[:1000], 100, rows), data.device, repeats=1, warm_up=1
    )
    facts.say(name, title, "product", queries_per_second_batch_1000_of_100_hits=1000 / hundred)
    return index.search, index.set_probes


def _on_cpu(facts: Facts, name: str, title: str, data: Data) -> tuple[Search, Callable[[int], None]]:
    vectors, began = data.on_host, time.perf_counter()
    ann = AnnIndex.train(KINDS[title], vectors, principal_axes(vectors))
    ann.add(vectors)
    facts.say(name, title, build_seconds=time.perf_counter() - began)
    efforts = [1]
    return lambda queries, count: ann.search(queries, count, efforts[-1]), efforts.append


def _say_rates(
    facts: Facts, keys: tuple[str, ...], data: Data, work: Callable[[np.ndarray], object], many: bool
) -> None:
    for batch in (1, len(data.queries) if many else min(1000, len(data.queries))):
        asked = data.queries[:batch]
        spent = seconds_of(
            lambda asked=asked: work(asked),  # type: ignore[misc]
            data.device,
            repeats=10 if batch == 1 else 1,
            warm_up=1,
        )
        facts.say(*keys, **{f"queries_per_second_batch_{batch}": batch / spent})
