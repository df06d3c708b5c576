"""Is what is said found better if its lines are compared by meaning, too, and what does that cost?

    python -m benchmarks.studies.word_meaning [--model nano] [--seed 0]

The pool is made of the Panda-70M samples, which are only seen, and of as many recordings, in each of which three
captions of Flickr8k's test photographs are said. Queries are the clips' captions, other people's captions of the same
photographs (the same in other words), and four to six words of a line. Lines are found by their words, as `jepa
search` finds them, and by the cosine of the Y-Encoder's embeddings of query and line, whose probability of being
right is a logistic function fitted to every second query; the others are reported. The probabilities of pictures,
words and meaning are joined as those of pictures and words are. Reported is how often the right file is first.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass

import numpy as np

from benchmarks.datasets import flickr8k, panda70m
from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.embedder import Embedder
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.encoding.reference_texts import neutral_texts
from jepa_retrieval.tasks.searching.calibration import confidences, measure_null
from jepa_retrieval.tasks.searching.embed_query import EmbeddedQuery
from jepa_retrieval.tasks.searching.query import Term
from jepa_retrieval.tasks.searching.words import Matching, Wanted, folded, probability_of

LINES = 3  # of each recording
WORDS = (4, 6)  # of a query that quotes a line
MOST = 0.95  # that a line of the same meaning is taken to be right, as one of the same words
STEPS = 100  # of the fit, at most


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Texts that look for files of the pool, and how likely each file is by each sense: float64 [queries, files]."""

    right: np.ndarray  # int64 [queries]: the row of the file
    seen: np.ndarray
    words: np.ndarray
    cosines: np.ndarray  # of the query and the most similar line; -1 for files in which nothing is said

    def half(self, number: int) -> Queries:
        """Every second query."""
        at = slice(number, None, 2)
        return Queries(self.right[at], self.seen[at], self.words[at], self.cosines[at])


def main() -> None:
    """Embed, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kinds = _kinds(Embedder(load_model(options.model)), random.Random(options.seed))
    offset, slope = _fit([queries.half(0) for queries in kinds.values()])
    reported = {kind: queries.half(1) for kind, queries in kinds.items()}
    rows = [
        [label, *_figures(reported, by_words=by_words, meaning=meaning)]
        for label, by_words, meaning in (
            ("pictures alone", False, None),
            ("pictures and words", True, None),
            ("pictures and meaning", False, (offset, slope)),
            ("pictures, words and meaning", True, (offset, slope)),
        )
    ]
    print_table(["right file first, %", *kinds, "all"], rows)
    print(f"probability of a cosine c by meaning: {MOST} / (1 + exp(-({offset:.2f} + {slope:.2f} c)))")
    print(save_result("word_meaning", {"model": options.model, "seed": options.seed, "rows": rows}))


def _kinds(embedder: Embedder, draw: random.Random) -> dict[str, Queries]:
    clips = panda70m.load(shared_data() / "videos" / "panda70m")
    photographs = flickr8k.load(shared_data() / "flickr8k")
    captions: dict[int, list[str]] = {}
    for text, owner in zip(photographs.captions, photographs.owners, strict=True):
        captions.setdefault(owner, []).append(text.strip(" ."))
    files = len(clips.clips)
    long = sorted(row for row, texts in captions.items() if len(texts[0].split()) >= WORDS[1])
    chosen = draw.sample(long, LINES * files)
    said = [[captions[row][0] for row in chosen[at : at + LINES]] for at in range(0, len(chosen), LINES)]
    asked = [draw.randrange(LINES) for _ in range(files)]
    others = [captions[chosen[LINES * file + line]][1] for file, line in enumerate(asked)]
    parts = [_part(said[file][line], draw) for file, line in enumerate(asked)]
    seen, _ = embedder.clips(clips.clips)
    return {
        "seen": _queries(embedder, list(clips.captions), list(clips.owners), seen, said),
        "said, in other words": _queries(embedder, others, [files + n for n in range(files)], seen, said),
        "said, word for word": _queries(embedder, parts, [files + n for n in range(files)], seen, said),
    }


def _part(line: str, draw: random.Random) -> str:
    words = line.split()
    count = draw.randint(*WORDS)
    at = draw.randint(0, len(words) - count)
    return " ".join(words[at : at + count])


def _queries(
    embedder: Embedder, texts: list[str], right: list[int], clips: np.ndarray, said: list[list[str]]
) -> Queries:
    vectors = embedder.texts(texts)
    null = measure_null(clips, embedder.texts(neutral_texts()), clips=len(clips))
    nothing = np.zeros((len(texts), len(said)))
    seen = np.array(
        [
            confidences(null, EmbeddedQuery(vector, 1.0, [Term(text)]), clips)
            for text, vector in zip(texts, vectors, strict=True)
        ]
    )
    lines = embedder.texts([line for spoken in said for line in spoken])
    cosines = (vectors @ lines.T).reshape(len(texts), len(said), LINES).max(axis=2)
    words = np.array([[_by_words(text, spoken) for spoken in said] for text in texts])
    unheard = np.zeros((len(texts), len(clips)))
    return Queries(
        np.array(right),
        np.hstack([seen, nothing]),
        np.hstack([unheard, words]),
        np.hstack([unheard - 1, cosines]),
    )


def _by_words(text: str, lines: list[str]) -> float:
    """As `jepa search` finds words in lines: those of one and the next count together."""
    wanted = Wanted.of(text)
    matching = Matching(wanted.words)
    found = [frozenset[str]().union(*(matching[word] for word in folded(line))) for line in lines]
    return max(
        probability_of(wanted, len(found[n].union(*found[n + 1 : n + 2]))) if found[n] else 0.0
        for n in range(len(lines))
    )


def _fit(kinds: list[Queries]) -> tuple[float, float]:
    """Offset and slope of the logistic function of the cosine: by maximum likelihood, over all files with speech."""
    spoken = [queries.cosines >= -0.999 for queries in kinds]
    x = np.concatenate([one.cosines[mask] for one, mask in zip(kinds, spoken, strict=True)])
    y = np.concatenate(
        [
            (np.arange(one.cosines.shape[1])[None] == one.right[:, None])[mask]
            for one, mask in zip(kinds, spoken, strict=True)
        ]
    ).astype(float)
    offset, slope = 0.0, 1.0
    for _ in range(STEPS):  # Newton's method
        p = 1 / (1 + np.exp(-(offset + slope * x)))
        weight = p * (1 - p)
        gradient = np.array([(y - p).sum(), ((y - p) * x).sum()])
        hessian = np.array([[weight.sum(), (weight * x).sum()], [(weight * x).sum(), (weight * x * x).sum()]])
        step = np.linalg.solve(hessian + 1e-6 * np.eye(2), gradient)
        offset, slope = offset + step[0], slope + step[1]
        if np.abs(step).max() < 1e-6:
            break
    return float(offset), float(slope)


def _figures(kinds: dict[str, Queries], *, by_words: bool, meaning: tuple[float, float] | None) -> list[str]:
    right = []
    for queries in kinds.values():
        q = queries.words if by_words else np.zeros_like(queries.words)
        if meaning is not None:
            same = MOST / (1 + np.exp(-(meaning[0] + meaning[1] * queries.cosines)))
            q = np.maximum(q, np.where(queries.cosines > -0.999, same, 0.0))
        joined = 1 - (1 - queries.seen) * (1 - q)
        right.append(joined.argmax(axis=1) == queries.right)
    return [f"{100 * values.mean():.1f}" for values in (*right, np.concatenate(right))]


if __name__ == "__main__":
    main()
