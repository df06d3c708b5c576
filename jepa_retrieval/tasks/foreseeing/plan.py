"""Plan: the chain of clips of an index that leads from one picture to another.

One step is inverse dynamics, as in `explain`: the clip nearest to the change between the two pictures. Several steps
are found by beam search. A chain is good if its first clip resembles the first picture, if each clip resembles what
the dynamics foresee after the clip before it, and if what is foreseen after the last one resembles the second
picture.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexes import Index, arrays
from indexes.records import ClipHit
from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media import content_hash
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.runtime.dynamics import DynamicsModel
from jepa_retrieval.tasks.asking.explain import change_window
from jepa_retrieval.tasks.encoding.files import encode_interval, encode_windows
from jepa_retrieval.tasks.searching.stored_clips import predict_with_prompt
from jepa_retrieval.user_paths import user_path

MAX_STEPS = 10
BEAM = 16  # chains that are continued
POOL = 48  # clips that are fetched for each place of a chain
DEFAULT_SECONDS = 2.0  # that a clip without a length, an image, takes


@dataclass(frozen=True, slots=True)
class PlanStep:
    """A clip of the chain."""

    path: str
    start: float | None  # seconds; None for an image
    end: float | None
    score: float  # cosine, -1 to 1, with what was foreseen for its place
    clip_id: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A chain of clips, first to last."""

    before: str
    after: str
    model: str
    steps: tuple[PlanStep, ...]
    arrival: float  # cosine of what is foreseen after the last clip and the second picture


@dataclass(frozen=True, slots=True, eq=False)
class _Pool:
    """Clips that may be steps."""

    hits: list[ClipHit]
    embeddings: np.ndarray  # float32 [C, E], unit length
    foreseen: np.ndarray  # float32 [C, E], Ŝ_Y of the state after each


@dataclass(frozen=True, slots=True)
class _Chain:
    rows: tuple[int, ...]
    scores: tuple[float, ...]

    @property
    def total(self) -> float:
        return sum(self.scores)


def plan(
    before: Path | str,
    after: Path | str,
    index: Index,
    model: Model,
    dynamics: DynamicsModel,
    *,
    steps: int = 3,
    where: str | None = None,
) -> Plan:
    """Find the chain; see `Library.plan`."""
    if not 1 <= steps <= MAX_STEPS:
        raise UsageError(f"steps must be 1 to {MAX_STEPS}, not {steps}")
    if index.count_clips() < steps:
        raise UsageError(f"the index {index.folder} has fewer clips than steps ({steps})")
    prompt = index.manifest.prompt
    first, _ = encode_interval(user_path(before), model, prompt=prompt)
    last, _ = encode_interval(user_path(after), model, prompt=prompt)
    change, _ = encode_windows(
        [change_window(user_path(before), user_path(after), model)], model, prompt=prompt
    )
    pool = _fetch(
        index,
        model,
        dynamics,
        _places(first, last, change, steps),
        where,
        copies_of=(user_path(before), user_path(after)),
    )
    if len(pool.hits) < steps:
        raise UsageError(f"only {len(pool.hits)} clips match: a chain of {steps} steps needs as many")
    if steps == 1:
        row = int((pool.embeddings @ change).argmax())
        chain = _Chain((row,), (float(pool.embeddings[row] @ change),))
    else:
        chain = _search(pool, first, last, steps)
    found = tuple(
        PlanStep(hit.path, hit.start, hit.end, score, hit.clip_id)
        for hit, score in zip((pool.hits[row] for row in chain.rows), chain.scores, strict=False)
    )
    arrival = float(pool.foreseen[chain.rows[-1]] @ last)
    return Plan(str(before), str(after), model.name, found, arrival)


def _places(first: np.ndarray, last: np.ndarray, change: np.ndarray, steps: int) -> np.ndarray:
    """Where clips of a chain may lie: on the way from one picture to the other, and at the change, [P, E]."""
    shares = (np.arange(steps) + 0.5) / steps
    way = [(1 - share) * first + share * last for share in shares]
    points = np.stack([first, last, change, *way])
    unit: np.ndarray = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _fetch(
    index: Index,
    model: Model,
    dynamics: DynamicsModel,
    places: np.ndarray,
    where: str | None,
    *,
    copies_of: Sequence[Path],
) -> _Pool:
    found = {hit.clip_id: hit for hits in index.search(places, k=POOL, where=where) for hit in hits}
    hits = _without_copies(list(found.values()), index, copies_of)
    ids = [hit.clip_id for hit in hits]
    if not hits:
        empty = np.zeros((0, model.embedding_size), np.float32)
        return _Pool([], empty, empty)
    tokens = arrays.tokens(index.clips(ids, columns=["tokens", "token_size"]))
    if any(one is None for one in tokens):
        raise UsageError(
            f"the index {index.folder} contains no visual tokens (it was made with --no-tokens): a plan needs them"
        )
    foreseen = [
        tokens_after(one.astype(np.float32), _seconds(hit), dynamics)
        for hit, one in zip(hits, tokens, strict=True)
        if one is not None
    ]
    return _Pool(hits, index.embeddings(ids), predict_with_prompt(foreseen, index.manifest.prompt, model))


def _without_copies(hits: list[ClipHit], index: Index, pictures: Sequence[Path]) -> list[ClipHit]:
    """The hits without pictures that are, byte for byte, one of `pictures`: these are no step between them."""
    columns, paths = ["path", "kind", "size", "content_hash"], list({hit.path for hit in hits})
    images = [row for row in index.media(columns=columns, paths=paths).to_pylist() if row["kind"] == "image"]
    copies = set()
    for path in pictures:
        with contextlib.suppress(UnreadableMediaError, OSError):
            size = path.stat().st_size
            if alike := [row for row in images if row["size"] == size]:
                digest = content_hash(path)
                copies |= {row["path"] for row in alike if row["content_hash"] == digest}
    return [hit for hit in hits if hit.path not in copies]


def tokens_after(tokens: np.ndarray, seconds: float, dynamics: DynamicsModel) -> np.ndarray:
    """S_V, float32 [N, D], of the state that follows a clip with the tokens [N, D] and a length in seconds."""
    state = dynamics.projection.states(tokens.mean(axis=0, keepdims=True))
    following, _ = dynamics.ahead(state, np.zeros(1), max(seconds, 0.1))
    changed: np.ndarray = tokens + dynamics.projection.token_changes(following - state[0])
    return changed


def _seconds(hit: ClipHit) -> float:
    return DEFAULT_SECONDS if hit.start is None or hit.end is None else hit.end - hit.start


def _search(pool: _Pool, first: np.ndarray, last: np.ndarray, steps: int) -> _Chain:
    """Beam search: each clip once, the sum of the links the highest."""
    begin = pool.embeddings @ first
    links = pool.foreseen @ pool.embeddings.T  # [a, b]: what follows a, compared with b
    arrive = pool.foreseen @ last
    chains = [_Chain((row,), (float(begin[row]),)) for row in range(len(pool.hits))]
    for place in range(1, steps):
        remaining = steps - place
        chains = sorted(chains, key=lambda chain: -chain.total)[:BEAM]
        chains = [
            _Chain((*chain.rows, row), (*chain.scores, float(links[chain.rows[-1], row])))
            for chain in chains
            for row in range(len(pool.hits))
            if row not in chain.rows
        ]
        # Half-way, a chain is also judged by how near it has come.
        share = place / steps
        chains.sort(key=lambda chain: -(chain.total + share * float(arrive[chain.rows[-1]])))
        chains = chains[: BEAM * remaining]
    return max(chains, key=lambda chain: chain.total + float(arrive[chain.rows[-1]]))
