"""Vector search engines behind one interface, each in a process of its own so that its memory can be measured.

    python -m benchmarks.speed.vector_engines build ENGINE VECTORS FOLDER
    python -m benchmarks.speed.vector_engines measure ENGINE VECTORS FOLDER --queries FILE --truth FILE

VECTORS is float16 [n, E], raw. Builds stay in FOLDER. Settings are each project's own defaults, or what its
documentation advises for a million vectors; the search parameter is then raised until the recall is reached.
"""

# ruff: noqa: D102  (what the methods do is said once, in Engine)

from __future__ import annotations

import argparse
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

TOP = 10
BLOCK = 20_000
SWEEP = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
TIMED = 300  # queries whose time is taken, one by one


class Engine(ABC):
    """One engine. `search` returns row numbers, int64 [Q, 10]."""

    efforts: Sequence[int] = SWEEP
    packages: Sequence[str] = ()  # for an environment of its own, where its packages conflict with others
    index: Any  # what `load` opens

    def __init__(self, vectors: np.ndarray, folder: Path) -> None:
        self.vectors, self.folder = vectors, folder

    @abstractmethod
    def build(self) -> None:
        """Store the vectors in the folder, ready to be searched."""

    @abstractmethod
    def load(self) -> None:
        """Open what `build` stored."""

    @abstractmethod
    def search(self, queries: np.ndarray, effort: int) -> np.ndarray:
        """The ten nearest by inner product to each of float32 [Q, E]."""

    def blocks(self) -> list[tuple[int, np.ndarray]]:
        """The vectors as float32, a part at a time, each with the number of its first row."""
        return [
            (begin, self.vectors[begin : begin + BLOCK].astype(np.float32))
            for begin in range(0, len(self.vectors), BLOCK)
        ]


class NumPy(Engine):
    """A matrix product with all vectors in float32."""

    efforts = (0,)

    def build(self) -> None:
        pass

    def load(self) -> None:
        self.matrix = np.asarray(self.vectors, np.float32)

    def search(self, queries: np.ndarray, effort: int) -> np.ndarray:
        scores = queries @ self.matrix.T
        top = np.argpartition(-scores, TOP, axis=1)[:, :TOP]
        return np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, 1)), 1)


class Ours(Engine):
    """`indexes.Index`, filled as any index is, with sample queries as the product stores them."""

    efforts = (0,)  # it tunes itself

    def build(self) -> None:
        from indexes import ClipRecord, Index, MediaRecord

        size = self.vectors.shape[1]
        index = Index.create(
            self.folder / "index", model="nano", prompt="", fingerprint="-", embedding_size=size
        )
        index.maintenance.save_queries(np.load(self.folder.parent / "sample.npy"))
        with index.writer() as writer:
            for begin in range(0, len(self.vectors), 1000):
                clips = [ClipRecord(None, None, v) for v in self.vectors[begin : begin + 1000]]
                writer.put(MediaRecord(f"{begin}.jpg", begin, begin), clips)

    def load(self) -> None:
        from indexes import Index

        self.index = Index.open(self.folder / "index")
        self.index.warm_up()

    def search(self, queries: np.ndarray, effort: int) -> np.ndarray:
        found = self.index.search(queries, k=TOP)
        return np.array([[hit.clip_id for hit in hits] for hits in found])


class HnswLib(Engine):
    """hnswlib: float32, M 16 and ef_construction 100."""

    def build(self) -> None:
        import hnswlib

        index = hnswlib.Index("ip", self.vectors.shape[1])
        index.init_index(len(self.vectors), M=16, ef_construction=100)
        for begin, block in self.blocks():
            index.add_items(block, np.arange(begin, begin + len(block)))
        index.save_index(str(self.folder / "index.bin"))

    def load(self) -> None:
        import hnswlib

        self.index = hnswlib.Index("ip", self.vectors.shape[1])
        self.index.load_index(str(self.folder / "index.bin"))

    def search(self, queries: np.ndarray, effort: int) -> np.ndarray:
        self.index.set_ef(max(effort, TOP))
        return self.index.knn_query(queries, k=TOP)[0].astype(np.int64)


class USearch(Engine):
    """usearch with its defaults (connectivity 16, expansion 128), float16."""

    def build(self) -> None:
        from usearch.index import Index

        index = Index(ndim=self.vectors.shape[1], metric="ip", dtype="f16")
        for begin, block in self.blocks():
            index.add(np.arange(begin, begin + len(block)), block)
        index.save(str(self.folder / "index.usearch"))

    def load(self) -> None:
        from usearch.index import Index

        self.index = Index.restore(str(self.folder / "index.usearch"))

    def search(self, queries: np.ndarray, effort: int) -> np.ndarray:
        self.index.expansion_search = effort
        found = self.index.search(queries, TOP).keys
        return np.asarray(found, np.int64).reshape(len(queries), TOP)


class LanceDB(Engine):
    """LanceDB: IVF_PQ with its defaults, at least ten times as many candidates ranked by their full vectors."""

    efforts = (5, 10, 20, 40, 80, 160, 320, 640)

    def build(self) -> None:
        import lancedb
        import pyarrow as pa

        size = self.vectors.shape[1]
        schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32(), size))])

        def batches() -> Any:
            for begin, block in self.blocks():
                ids = pa.array(np.arange(begin, begin + len(block)))
                vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), size)
                yield pa.record_batch([ids, vectors], schema=schema)

        table = lancedb.connect(self.folder).create_table("t", batches(), schema=schema)
        table.create_index(metric="dot", vector_column_name="vector", index_type="IVF_PQ")

    def load(self) -> None:
        import lancedb

        self.index = lancedb.connect(self.folder).open_table("t")

    def search(self, queries: np.ndarray, effort: int) -> np.ndarray:
        return np.array([self._one(query, effort) for query in queries])

    def _one(self, query: np.ndarray, effort: int) -> np.ndarray:
        search = self.index.search(query).distance_type("dot").nprobes(effort)
        search = search.refine_factor(
            max(10, effort // 4)
        )  # more candidates as well, or recall stays the same
        found: np.ndarray = search.limit(TOP).select(["id", "_distance"]).to_arrow()["id"].to_numpy()
        return found


class MilvusLite(Engine):
    """Milvus Lite: its IVF_FLAT, float32."""

    packages = ("pymilvus", "milvus-lite", "numpy")
    efforts = (4, 8, 16, 32, 64, 128, 256, 512)

    def build(self) -> None:
        from pymilvus import DataType, MilvusClient

        client = MilvusClient(str(self.folder / "milvus.db"))
        schema = client.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self.vectors.shape[1])
        parameters = client.prepare_index_params()
        lists = {"nlist": 1024}
        parameters.add_index("vector", index_type="IVF_FLAT", metric_type="IP", params=lists)
        client.create_collection("t", schema=schema, index_params=parameters)
        for begin, block in self.blocks():
            for part in range(0, len(block), 2000):  # a message holds no more
                rows = [
                    {"id": begin + part + row, "vector": vector}
                    for row, vector in enumerate(block[part : part + 2000])
                ]
                client.insert("t", rows)
        client.close()

    def load(self) -> None:
        from pymilvus import MilvusClient

        self.client = MilvusClient(str(self.folder / "milvus.db"))
        self.client.load_collection("t")

    def search(self, queries: np.ndarray, effort: int) -> np.ndarray:
        parameters = {"metric_type": "IP", "params": {"nprobe": effort}}
        found = self.client.search("t", data=list(queries), limit=TOP, search_params=parameters)
        return np.array([[hit["id"] for hit in hits] for hits in found])


class AutoFaiss(Engine):
    """autofaiss: what it chooses within 4 GB and 2 ms a query."""

    packages = ("autofaiss", "numpy<2", "pyarrow<21")  # newer ones want numpy 2

    def build(self) -> None:
        from autofaiss import build_index

        part = self.folder / "vectors" / "0.npy"
        part.parent.mkdir(exist_ok=True)
        np.save(part, np.asarray(self.vectors, np.float32))
        build_index(
            str(part.parent),
            index_path=str(self.folder / "index.faiss"),
            index_infos_path=str(self.folder / "infos.json"),
            file_format="npy",
            metric_type="ip",
            max_index_memory_usage="4GB",
            current_memory_available="8GB",
            max_index_query_time_ms=2,
            save_on_disk=True,
        )
        part.unlink()

    def load(self) -> None:
        import faiss

        self.index = faiss.read_index(str(self.folder / "index.faiss"))
        self.space = faiss.ParameterSpace()
        self.name = "efSearch" if "HNSW" in type(self.index).__name__ else "nprobe"

    def search(self, queries: np.ndarray, effort: int) -> np.ndarray:
        self.space.set_index_parameter(self.index, self.name, effort)
        found: np.ndarray = self.index.search(queries, TOP)[1]
        return found


ENGINES: dict[str, type[Engine]] = {
    "ours": Ours,
    "hnswlib": HnswLib,
    "usearch": USearch,
    "lancedb": LanceDB,
    "milvus-lite": MilvusLite,
    "autofaiss": AutoFaiss,
    "numpy": NumPy,
}


def build(engine: Engine) -> dict[str, float]:
    """Build, with the wall time, the processor time with that of child processes, and the bytes on disk."""
    wall, processor = time.perf_counter(), processor_seconds()
    engine.build()
    return {
        "build_seconds": time.perf_counter() - wall,
        "build_processor_seconds": processor_seconds() - processor,
        "disk_bytes": sum(path.stat().st_size for path in engine.folder.rglob("*") if path.is_file()),
    }


def processor_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(engine: Engine, queries: np.ndarray, truth: np.ndarray, target: float) -> dict[str, Any]:
    """The curve of recall and time, and the first point that reaches `target`, else the last."""
    before = memory()
    engine.load()
    engine.search(queries[:1], engine.efforts[0])
    curve: list[dict[str, float]] = []
    for effort in engine.efforts:
        found = engine.search(queries, effort)
        recall = np.mean(
            [len(set(a) & set(b)) / TOP for a, b in zip(found.tolist(), truth.tolist(), strict=True)]
        )
        times = query_times(lambda query, effort=effort: engine.search(query, effort), queries)  # type: ignore[misc]
        curve.append({"effort": effort, "recall": float(recall), **times})
        if recall >= target:
            break
    return {**curve[-1], "memory_bytes": memory() - before, "curve": curve}


def query_times(search: Callable[[np.ndarray], object], queries: np.ndarray) -> dict[str, float]:
    """Median and 90th percentile of the time of single queries, the first 300."""
    seconds = []
    for query in queries[:TIMED]:
        began = time.perf_counter()
        search(query[None])
        seconds.append(time.perf_counter() - began)
    return {"median_ms": 1000 * float(np.median(seconds)), "p90_ms": 1000 * float(np.percentile(seconds, 90))}


def memory() -> int:
    """Memory of this process that is its own: pages of mapped files, which the system may drop, are not counted."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


def main() -> None:
    """Build or measure one engine; the last line of the output is JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("action", choices=("build", "measure"))
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, required=True, help="dimensions E")
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--recall", type=float, default=0.98)
    options = parser.parse_args()
    vectors = np.memmap(options.vectors, "<f2", "r").reshape(-1, options.size)
    engine = ENGINES[options.engine](vectors, options.folder)
    if options.action == "build":
        print(json.dumps(build(engine)))
    else:
        queries, truth = np.load(options.queries), np.load(options.truth)
        print(json.dumps(measure(engine, queries, truth, options.recall)))


if __name__ == "__main__":
    main()
