"""GPU indexes that stay on the card between searches: one for each file of vectors, which grows with the file."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from indexes.reasons import reason
from indexes.vectors.ann_index import AnnIndex
from indexes.vectors.extended_rows import Embeddings
from indexes.vectors.gpu import backend
from indexes.vectors.gpu.backend import Gpu
from indexes.vectors.gpu.index import GpuIndex
from indexes.vectors.gpu.kinds import GPU_KINDS, GpuKind, choose_gpu_kind
from indexes.vectors.gpu.probes import tune_probes
from indexes.vectors.gpu.settings import GpuSettings

logger = logging.getLogger(__name__)

# Uploading a row takes as long as comparing it with some hundred queries on a CPU. Below so many comparisons of a
# query with a row, searching on the CPU is done before the upload is.
MIN_COMPARISONS = 1_000_000_000


class ResidentIndexes:
    """The GPU indexes of this process. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Path, GpuIndex] = {}
        self._gpus: list[Gpu] | None = None
        self._refused: set[Path] = set()

    def get(
        self,
        settings: GpuSettings,
        embeddings: Embeddings,
        ann: AnnIndex | None,
        effort: int,
        *,
        comparisons: int,
    ) -> GpuIndex | None:
        """The GPU index over the rows of a file, made or extended if need be; None where the CPU serves better.

        Args:
            settings: of the file.
            embeddings: float16 [n, E], whose first rows lie in the file.
            ann: the stored CPU index, which is copied where it fits and the full vectors do not.
            effort: lists of it to probe.
            comparisons: queries times rows of the search that is to be done.
        """
        if settings.device == "cpu" or not settings.rows:
            return None
        with self._lock:
            known = self._found.get(settings.file)
            is_asked = settings.device == "cuda" or known is not None or comparisons >= MIN_COMPARISONS
            if not is_asked or settings.file in self._refused:
                return None
            try:
                if known is None:
                    known = self._make(settings, embeddings, ann, effort)
                if known is not None:
                    known.add_missing(embeddings[: settings.rows])
                    self._found[settings.file] = known
                return known
            except RuntimeError as error:
                self._refuse(settings.file, f"the GPU refused: {reason(error)}")
                return None

    def refuse(self, file: Path, why: str) -> None:
        """Free the memory of a file's index and search it on the CPU from now on; a warning says why, once."""
        with self._lock:
            self._found.pop(file, None)
            if file not in self._refused:
                self._refuse(file, why)

    def forget(self, file: Path) -> None:
        """Free the memory of a file's index; it may be made again."""
        with self._lock:
            self._found.pop(file, None)
            self._refused.discard(file)

    def _make(
        self, settings: GpuSettings, embeddings: Embeddings, ann: AnnIndex | None, effort: int
    ) -> GpuIndex | None:
        if self._gpus is None:
            self._gpus = backend.find_gpus()
        if not self._gpus:
            if settings.device == "cuda":
                self._refuse(settings.file, "FAISS sees no CUDA GPU")
            self._refused.add(settings.file)
            return None
        gpus = backend.find_gpus()  # again: their free memory changes
        size, reduced = embeddings.shape[1], ann.reduced if ann is not None else embeddings.shape[1] // 4
        kind = choose_gpu_kind(gpus, rows=settings.rows, size=size, reduced=reduced, name=settings.kind)
        if kind is None:
            self._refuse(settings.file, f"{settings.rows:,} vectors do not fit the memory of the GPU")
            return None
        for file in [file for file in self._found if file.parent == settings.file.parent]:
            del self._found[file]  # vectors of the same index before they were written anew
        logger.info("uploading %s vectors as %s", f"{settings.rows:,}", kind.name)
        if ann is not None and len(gpus) == 1 and _is_copy(ann, kind):
            return GpuIndex.copy(kind, ann, effort, gpus[0])
        built = GpuIndex.build(kind, embeddings[: settings.rows], gpus)
        if kind.has_lists:
            tune_probes(built, embeddings[: settings.rows])
        return built

    def _refuse(self, file: Path, why: str) -> None:
        """Search on the CPU from now on, and say so once."""
        self._refused.add(file)
        logger.warning("searching on the CPU, because %s", why)


def _is_copy(ann: AnnIndex, kind: GpuKind) -> bool:
    """Whether a stored index has the lists and codes of a kind."""
    return kind is GPU_KINDS["gpu-ivf-sq8"] and ann.kind.name == "ivf-sq8"


RESIDENT = ResidentIndexes()
