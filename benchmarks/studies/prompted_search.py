"""What does ranking again under a prompt cost and gain? Captions search the Panda-70M samples.

    python -m benchmarks.studies.prompted_search [--model nano] [--index DIR]     on the 132 Panda-70M samples
    python -m benchmarks.studies.prompted_search --choose                         the weight, on Flickr8k dev

The weight is chosen on Flickr8k dev, for `tasks.searching.prompted`; Panda-70M is only reported. Prompts are
general ones, the same for every caption.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.datasets import flickr8k
from benchmarks.metrics.retrieval import ranks, recall_at
from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.panda70m import panda70m_library, panda70m_rows
from benchmarks.shared.photographs import encode_photographs, predict
from jepa_retrieval.library import Library
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.searching.prompted import MARGIN, WEIGHT, rank_again

PROMPTS = (
    "What is happening?",
    "What is the person doing?",
    "What is in the picture?",
    "Where is this?",
    "How many people are there?",
)
WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


def main() -> None:
    """Choose the weight, or report."""
    options = _arguments()
    if options.choose:
        _choose(options.model)
        return
    rows = panda70m_rows()
    with panda70m_library(options.model, options.index) as library:
        plain, first = _recalls(library, rows, None)
        table = [["without", *_texts(plain), f"{first:.1f}", ""]]
        figures: dict[str, object] = {"without": plain}
        for prompt in PROMPTS:
            recalls, milliseconds = _recalls(library, rows, prompt)
            table.append([prompt, *_texts(recalls), f"{milliseconds:.1f}", f"{recalls[0] - plain[0]:+.1f}"])
            figures[prompt] = recalls
    print(f"{options.model}, {len(rows)} captions over {len(rows)} videos, weight {WEIGHT}")
    print_table(["prompt", "R@1", "R@5", "R@10", "ms a query", "gain at 1"], table)
    print(save_result("prompted_search", {"model": options.model, "weight": WEIGHT, **figures}))


def _recalls(library: Library, rows: list[dict[str, str]], prompt: str | None) -> tuple[list[float], float]:
    """Recall at 1, 5 and 10 of files by their best clip, in percent, and the median time of a query in ms."""
    index, model = library.records, library.model
    clips = index.stats().clips
    rank, seconds = [], []
    for row in rows:
        began = time.perf_counter()
        query = model.y_encoder.encode([row["caption"]])
        hits = index.search(query, k=clips)[0]
        if prompt is not None:
            hits = rank_again(hits, query[0], prompt, index=index, model=model)
        seconds.append(time.perf_counter() - began)
        files = list(dict.fromkeys(hit.path for hit in hits))
        rank.append(files.index(row["file"]) + 1)
    return [recall_at(np.array(rank), k) for k in (1, 5, 10)], 1000 * float(np.median(seconds))


def _texts(recalls: list[float]) -> list[str]:
    return [f"{value:.1f}" for value in recalls]


def _choose(name: str) -> None:
    """Recall@1 on Flickr8k dev, 5,000 captions over 1,000 photographs, by prompt and weight."""
    model = load_model(name)
    data = flickr8k.load_dev(shared_data() / "flickr8k")
    texts, owner = model.y_encoder.encode(data.captions), np.array(data.owners)
    tokens = encode_photographs(model, [clip.path for clip in data.clips])
    plain, *prompted = (
        texts @ predict(model, tokens, [prompt] * len(tokens)).T for prompt in (model.prompt, *PROMPTS)
    )
    base = recall_at(ranks(plain, owner), 1)
    rows: list[list[object]] = []
    bonus = MARGIN * (plain == plain.max(axis=1, keepdims=True))
    for prompt, scores in zip(PROMPTS, prompted, strict=True):
        mixed = [(1 - weight) * plain + weight * scores + bonus for weight in WEIGHTS]
        gains = [recall_at(ranks(mean, owner), 1) - base for mean in mixed]
        rows.append([prompt, *(f"{gain:+.2f}" for gain in gains)])
    print(f"{name}, Flickr8k dev: recall@1 {base:.1f} without a prompt; gain by the prompt's weight")
    print_table(["prompt", *map(str, WEIGHTS)], rows)
    print(save_result("prompted_search_weight", {"model": name, "base": base, "gains": rows}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--index", type=Path, help="folder of the index of Panda-70M; it is kept there")
    parser.add_argument("--choose", action="store_true", help="measure weights on Flickr8k dev")
    return parser.parse_args()


if __name__ == "__main__":
    main()
