"""Is what is said found better if its lines are compared by meaning, too, and what does that cost?

    python -m benchmarks.studies.word_meaning [--model nano] [--seed 0]

Two pools: the Panda-70M samples, and Flickr8k's test photographs, which are only seen; in each there are recordings,
too, in each of which three captions of other photographs are said. Queries are captions of what is seen, other
people's captions of the photographs whose captions are said (the same in other words), and four to six words of a
line. Lines are found by their words, as `jepa search` finds them, and by the cosine of the Y-Encoder's embeddings of
query and line: how far it stands out among all lines gives a probability of being right. The probabilities of
pictures, words and meaning are joined as `jepa search` joins them. Reported is how often the right file is first:
with the logistic function that is fitted to the first pool's queries by maximum likelihood, and with what `jepa
search` uses, which takes less for likely.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.datasets import flickr8k, panda70m
from benchmarks.datasets.shapes import RetrievalSet
from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.embedder import Embedder
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.encoding.reference_texts import neutral_texts
from jepa_retrieval.tasks.searching import meaning
from jepa_retrieval.tasks.searching.calibration import confidences, logistic, measure_null, standing_out
from jepa_retrieval.tasks.searching.embed_query import EmbeddedQuery
from jepa_retrieval.tasks.searching.query import Term
from jepa_retrieval.tasks.searching.words import Matching, Wanted, folded, probability_of

LINES = 3  # of each recording
RECORDINGS = {"Panda-70M": 132, "Flickr8k": 200}
WORDS = (4, 6)  # of a query that quotes a line
MOST = 0.95  # that a line of the same meaning is taken to be right, as one of the same words
STEPS = 100  # of the fit, at most

Captions = dict[int, list[str]]  # of each photograph


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Texts that look for files of a pool, and how likely each file is: float [queries, files].

    Attributes:
        right: int [queries], the row of the file; those with pictures come first.
        seen: probability of those with pictures.
        words: of those with speech, by the words of the likeliest line.
        x: of those with speech, how far the cosine of the nearest line stands out.
    """

    right: np.ndarray
    seen: np.ndarray
    words: np.ndarray
    x: np.ndarray


def main() -> None:
    """Embed, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    embedder = Embedder(load_model(options.model))
    folder = shared_data() / "flickr8k"
    test, others = flickr8k.load(folder), flickr8k.load(folder, "train")
    pools = {
        "Panda-70M": (panda70m.load(shared_data() / "videos" / "panda70m"), _captions(test)),
        "Flickr8k": (_with_first_captions(test), _captions(others)),
    }
    rows: list[list[str]] = []
    fitted = (0.0, 0.0)
    for name, (seen, captions) in pools.items():
        kinds = _kinds(embedder, seen, captions, RECORDINGS[name], random.Random(options.seed))
        fitted = fitted if rows else _fit(list(kinds.values()))
        rows += [[f"{name}: {label}", *figures] for label, figures in _rows(kinds, fitted).items()]
    print_table(["right file first, %", "seen", "said, in other words", "said, word for word", "all"], rows)
    print(f"fitted: {MOST} / (1 + exp(-({fitted[0]:.2f} + {fitted[1]:.2f} x)))")
    print(save_result("word_meaning", {"model": options.model, "seed": options.seed, "rows": rows}))


def _rows(kinds: Mapping[str, Queries], fitted: tuple[float, float]) -> dict[str, list[str]]:
    offset, slope = fitted
    nothing = [np.zeros_like(queries.words) for queries in kinds.values()]
    words = [queries.words for queries in kinds.values()]
    likely = [MOST * logistic(offset + slope * queries.x) for queries in kinds.values()]
    used = [_as_used(queries) for queries in kinds.values()]
    return {
        "pictures alone": _figures(kinds, nothing),
        "pictures and words": _figures(kinds, words),
        "pictures, words and meaning, fitted": _figures(kinds, list(map(np.maximum, words, likely))),
        "pictures, words and meaning, as it is": _figures(kinds, list(map(np.maximum, words, used))),
    }


def _as_used(queries: Queries) -> np.ndarray:
    p = meaning.MAX_OF_MEANING * logistic(meaning.MEANING_OFFSET + meaning.MEANING_SLOPE * queries.x)
    left = (1 - queries.seen.max(axis=1, keepdims=True)) ** meaning.CAUTION
    return np.where(p >= meaning.MIN_OF_MEANING, left * p, 0.0)


def _figures(kinds: Mapping[str, Queries], heard: Sequence[np.ndarray]) -> list[str]:
    right = [
        np.hstack([queries.seen, q]).argmax(axis=1) == queries.right
        for queries, q in zip(kinds.values(), heard, strict=True)
    ]
    shares = [float(values.mean()) for values in right]
    return [f"{100 * value:.1f}" for value in (*shares, sum(shares) / len(shares))]


def _with_first_captions(photographs: RetrievalSet) -> RetrievalSet:
    """One caption of each photograph."""
    first = {owner: row for row, owner in reversed(list(enumerate(photographs.owners)))}
    rows = [first[owner] for owner in range(len(photographs.clips))]
    captions = tuple(photographs.captions[row] for row in rows)
    return replace(photographs, captions=captions, owners=tuple(range(len(rows))))


def _captions(photographs: RetrievalSet) -> Captions:
    captions: Captions = {}
    for text, owner in zip(photographs.captions, photographs.owners, strict=True):
        captions.setdefault(owner, []).append(text.strip(" ."))
    return captions


def _kinds(
    embedder: Embedder, pool: RetrievalSet, captions: Captions, recordings: int, draw: random.Random
) -> dict[str, Queries]:
    files = len(pool.clips)
    long = sorted(row for row, texts in captions.items() if len(texts[0].split()) >= WORDS[1])
    chosen = draw.sample(long, LINES * recordings)
    said = [[captions[row][0] for row in chosen[at : at + LINES]] for at in range(0, len(chosen), LINES)]
    asked = [draw.randrange(LINES) for _ in range(recordings)]
    others = [captions[chosen[LINES * file + line]][1] for file, line in enumerate(asked)]
    parts = [_part(said[file][line], draw) for file, line in enumerate(asked)]
    clips, _ = embedder.clips(pool.clips)
    heard = [files + number for number in range(recordings)]
    return {
        "seen": _queries(embedder, list(pool.captions), list(pool.owners), clips, said),
        "said, in other words": _queries(embedder, others, heard, clips, said),
        "said, word for word": _queries(embedder, parts, heard, clips, said),
    }


def _part(line: str, draw: random.Random) -> str:
    words = line.split()
    count = draw.randint(*WORDS)
    at = draw.randint(0, len(words) - count)
    return " ".join(words[at : at + count])


def _queries(
    embedder: Embedder, texts: list[str], right: list[int], clips: np.ndarray, said: list[list[str]]
) -> Queries:
    neutral = embedder.texts(neutral_texts())
    lines = embedder.texts([line for spoken in said for line in spoken])
    of_clips = measure_null(clips, neutral, clips=len(clips))
    of_lines = measure_null(lines, neutral, clips=len(lines))
    asked = [
        EmbeddedQuery(vector, 1.0, [Term(text)])
        for text, vector in zip(texts, embedder.texts(texts), strict=True)
    ]
    x = np.array([standing_out(of_lines, query, lines @ query.vector) for query in asked])
    spoken = [[folded(line) for line in lines_of_one] for lines_of_one in said]
    return Queries(
        np.array(right),
        np.array([confidences(of_clips, query, clips) for query in asked]),
        np.array([_by_words(text, spoken) for text in texts]),
        x.reshape(len(texts), len(said), LINES).max(axis=2),
    )


def _by_words(text: str, said: list[list[tuple[str, ...]]]) -> list[float]:
    """As `jepa search` finds words in the lines of each recording: those of one and the next count together."""
    wanted = Wanted.of(text)
    matching = Matching(wanted.words)
    likely = []
    for lines in said:
        found = [frozenset[str]().union(*(matching[word] for word in line)) for line in lines]
        counts = [len(own.union(*found[n + 1 : n + 2])) for n, own in enumerate(found) if own]
        likely.append(probability_of(wanted, max(counts)) if counts else 0.0)
    return likely


def _fit(kinds: Sequence[Queries]) -> tuple[float, float]:
    """Offset and slope of the logistic function of x, by maximum likelihood, over all files with speech."""
    x = np.concatenate([one.x.ravel() for one in kinds])
    y = np.concatenate(
        [(np.arange(one.x.shape[1])[None] + one.seen.shape[1] == one.right[:, None]).ravel() for one in kinds]
    ).astype(float)
    features = np.stack([np.ones_like(x), x], axis=1)
    solution = np.zeros(2)
    for _ in range(STEPS):  # Newton's method
        p = logistic(features @ solution)
        hessian = (features * (p * (1 - p))[:, None]).T @ features
        step = np.linalg.solve(hessian + 1e-6 * np.eye(2), features.T @ (y - p))
        solution = solution + step
        if np.abs(step).max() < 1e-6:
            break
    return float(solution[0]), float(solution[1])


if __name__ == "__main__":
    main()
