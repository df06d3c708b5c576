"""Does predicting embeddings learn faster than predicting tokens? The paper's controlled comparison, on two cores.

    python -m benchmarks.studies.embedding_vs_tokens [--seeds 3]   train both sides, score all, draw the curves
    python -m benchmarks.studies.embedding_vs_tokens --costs       time of a query over 1,000 clips, for both

Both sides see the same batches in the same order: frozen EfficientNet-Lite0 tokens of Flickr8k's training
photographs with one of their captions, and a quarter of Caltech-101 pictures with "a photo of a ...". Optimiser,
schedule, precision and layers are the same. VL-JEPA (InfoNCE) predicts the frozen MiniLM embedding of the text, and
a Y-Decoder that was never trained on pictures turns it into a sentence; the generator (cross-entropy) predicts the
text's tokens. The generator trains as many weights as the Predictor and the Y-Decoder together; its word table
begins as MiniLM's embeddings of the words.

Measured are CIDEr of greedy captions (corpus: the references of the split), and top-5 accuracy on held-out pictures
of the classes seen and on ImageNet classes never seen: by cosine for VL-JEPA, by perplexity for the generator.
"Prior removed": minus the same score for a blank picture.

Runs that are finished are kept in the work folder: an interrupted comparison goes on with the next.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.controlled import report
from benchmarks.controlled.measures import POOL, Measures, seconds_per_query
from benchmarks.controlled.parts import (
    Settings,
    build_shared,
    embedding_side,
    load_decoder,
    token_side,
    trained_weights,
)
from benchmarks.controlled.sides import AnySide, EmbeddingSide, TokenSide
from benchmarks.shared.common import print_table, save_result

CHECKPOINTS = (4, 16, 64, 256, 1024)  # steps
SIDES = (EmbeddingSide.name, TokenSide.name)


def main() -> None:
    """Run what is missing, print the table, write JSON, CSV and PNG."""
    options = _arguments()
    logging.disable(logging.WARNING)
    torch.set_num_threads(options.threads)
    settings = _settings(options)
    if options.costs:
        _costs(settings)
        return
    runs = [run(name, seed, settings, options.queries) for seed in range(options.seeds) for name in SIDES]
    report.print_tables(runs)
    report.write_csv(runs)
    report.draw(runs)
    shown = {key: str(value) for key, value in vars(options).items()}
    print(save_result("embedding_vs_tokens", {"settings": shown, "runs": runs}))


def run(name: str, seed: int, settings: Settings, queries: int) -> dict[str, Any]:
    """Train one side with one seed, or read its stored result: its weights, and its scores at every checkpoint."""
    kept = settings.work / f"{_file_name(name, seed, settings)}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    trainer = build_shared(settings, seed)
    weights = trained_weights(trainer, token := token_side(trainer, settings, seed))
    side: AnySide = embedding_side(trainer, settings, seed) if name == EmbeddingSide.name else token
    measures, batches = Measures(trainer), trainer.batches(0)
    torch.manual_seed(seed)
    points, spent = [], 0.0
    for step in range(settings.steps):
        began = time.perf_counter()
        loss = side.train_step(batches[step])
        spent += time.perf_counter() - began
        if step + 1 in CHECKPOINTS or step + 1 == settings.steps:
            point = {"samples": (step + 1) * settings.batch, "loss": float(loss), **measures.checkpoint(side)}
            points.append(point)
            scores = ", ".join(f"{key} {value:.1f}" for key, value in point.items())
            print(f"{name}, seed {seed}, {spent:.0f} s: {scores}", file=sys.stderr, flush=True)
    result = {
        "side": name,
        "seed": seed,
        "weights": weights,
        "seconds": spent,
        "points": points,
        "retrieval": measures.retrieval(side, queries=queries) if queries else {},
    }
    kept.write_text(json.dumps(result, indent=2))
    return result


def _costs(settings: Settings) -> None:
    """From a text to the scores of `POOL` clips. The time does not depend on the training."""
    trainer = build_shared(settings, 0)
    measures, model = Measures(trainer), load_decoder(trainer, settings, 0)
    token, tokens = token_side(trainer, settings, 0), measures.tokens("captions")[:POOL]
    texts = [group[0] for group in measures.references[:12]]
    clips, past = embedding_side(trainer, settings, 0).store(tokens).numpy(), token.store(tokens)
    ours = seconds_per_query(lambda text: clips @ model.y_encoder.encode([text])[0], texts)
    theirs = seconds_per_query(lambda text: token.scores(past, [text]), texts)
    floats = past.keys.numel() + past.values.numel()
    rows = [
        ["VL-JEPA: encode the text, compare", f"{1000 * ours:.1f}", f"{clips.nbytes / 2 / POOL / 1024:.1f}"],
        ["token generator: likelihood", f"{1000 * theirs:,.0f}", f"{floats * 2 / POOL / 1024:.1f}"],
    ]
    print_table([f"query over {POOL:,} clips", "ms a query", "KiB kept of a clip (fp16)"], rows)
    print(f"{theirs / ours:,.0f} times as long; median of {len(texts) - 2} captions")
    print(save_result("embedding_vs_tokens_costs", {"vl_jepa_s": ours, "generator_s": theirs, "pool": POOL}))


def _file_name(name: str, seed: int, settings: Settings) -> str:
    rate = f"{settings.learning_rate:g}-{settings.decoder_steps}-{settings.noise:g}"
    side = name.lower().replace(" ", "-")
    return f"{side}-{settings.split}-{settings.steps}x{settings.batch}-{rate}-seed{seed}"


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        work=options.work.resolve(),
        batch=options.batch,
        steps=options.steps,
        learning_rate=options.learning_rate,
        decoder_steps=options.decoder_steps,
        noise=options.noise,
        split=options.split,
        threads=options.threads,
        limit=options.limit,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=CHECKPOINTS[-1])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="constant, of both sides")
    parser.add_argument("--decoder-steps", type=int, default=800, help="of the Y-Decoder, on text alone")
    parser.add_argument("--noise", type=float, default=1.4, help="on the embeddings it learns from")
    parser.add_argument("--split", default="test", choices=["dev", "test"], help="of Flickr8k")
    parser.add_argument(
        "--queries", type=int, default=100, help="captions whose photograph is searched; 0: none"
    )
    parser.add_argument(
        "--limit", type=int, default=0, help="pictures of every part, in a work folder of its own"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/embedding_vs_tokens"))
    parser.add_argument("--costs", action="store_true", help="time queries instead")
    return parser.parse_args()


if __name__ == "__main__":
    main()
