"""Can order, speed and camera motion be told from nano's tokens? Trained and tested on the training clips, in folds.

    python -m benchmarks.studies.motion RUN [--seeds 3]

RUN is a folder in which tokens are kept. Four questions are asked of eight frames:

- order: a clip, or the same clip played backwards?
- speed: eight successive frames of sixteen, or every second one?
- motion: a clip, a camera that moves over one of its frames, or that frame repeated?
- camera: over a photograph, does it move left, right, up, down, closer or away?

They are answered from what nano keeps (the mean token), from the mean and differences of tokens, by a temporal head
that reads the tokens in order, and by the same head over a grid of 3 x 3 cells of each frame. Clips and photographs
are divided into five folds, so that none is in both training and test.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.shared.common import print_table, save_result, shared_data
from jepa_retrieval.models.modules.efficientnet_lite import EfficientNetLite
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.runtime.model import part_inputs
from jepa_retrieval.models.runtime.openvino_graph import OpenVinoGraph, convert
from jepa_retrieval.models.runtime.private_openvino import core
from jepa_retrieval.models.storage import read_model
from jepa_retrieval.training.config import TokensConfig, load_config
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.nano import RECIPES
from jepa_retrieval.training.token_cache import OnlineTokens

GRID = 3
FRAMES = 8  # that a question is about
READ = 2 * FRAMES  # that are read of a clip
PHOTOGRAPHS = 100
NEAR = 0.6  # side of the smallest crop of a camera that moves over a picture
FOLDS = 5
TOKEN_PARTS, CELL_PARTS = 64, 24  # principal components of a token and of a cell
WIDTH = 96
STEPS = 150
BATCH = 8
MOVES = ("left", "right", "up", "down", "closer", "away")
Data = tuple[Tensor, Tensor, Tensor]  # tokens [E, FRAMES, 1 + cells, D], labels [E], the clip of each [E]


def main() -> None:
    """Make the tokens, train in every fold, print accuracies."""
    options = _arguments()
    os.environ["JEPA_SHARED"], os.environ["NANO_RUN"] = str(shared_data().parent), str(options.run.resolve())
    path = options.run / "motion.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = read_tokens()
        np.savez(path, clips=made["clips"], moved=made["moved"], photographs=made["photographs"])
    stored = np.load(path)
    clips, moved, photographs = (torch.from_numpy(stored[key]) for key in ("clips", "moved", "photographs"))
    questions = ask(clips, moved, photographs)
    rows: list[list[object]] = []
    for name, data in questions.items():
        chance = 100 * float(torch.bincount(data[1]).max()) / len(data[1])
        row: list[object] = [name, len(data[1]), f"{chance:.1f}"]
        for form in FORMS:
            found = [accuracy(form, data, seed) for seed in range(options.seeds)]
            row.append(f"{np.mean(found):.1f} ± {np.std(found):.1f}")
        print(row, flush=True)
        rows.append(row)
    print_table(["question", "examples", "commonest answer", *FORMS], rows)
    print(save_result("motion", {"rows": rows}))


def read_tokens() -> dict[str, np.ndarray]:
    """S_V with a grid, float16: of clips, of a camera over one frame of each, and over photographs in each way."""
    recipe = load_config(RECIPES / "nano_pretrain.toml")
    learner = Learner(read_model(WEIGHTS / "nano").eval(), device=torch.device("cpu"))
    module = learner.model.x_encoder
    assert isinstance(module, EfficientNetLite)
    module.grid = GRID
    inputs = part_inputs(learner.model.config, "x_encoder")
    graph = OpenVinoGraph(core().compile_model(convert("x-encoder", lambda: module, inputs), "CPU"))
    size = learner.vision.image_size

    def encode(frames: np.ndarray) -> np.ndarray:
        parts = [graph(frames[row : row + BATCH, None]) for row in range(0, len(frames), BATCH)]
        return np.concatenate(parts).astype(np.float16)

    of = {part.name: read_source(part) for part in recipe.sources if part.name in ("clips", "captions")}
    random = np.random.default_rng(0)
    clips, moved, photographs = [], [], []
    media = OnlineTokens(of["clips"], learner.vision, TokensConfig(), frames=READ)
    for row in range(media.rows):
        frames = media.frames(np.array([row]), np.array([0])).numpy()[0]
        clips.append(encode(frames))
        moved.append(encode(camera(frames[FRAMES], MOVES[int(random.integers(len(MOVES)))], size, random)))
    pictures = OnlineTokens(of["captions"], learner.vision, TokensConfig(), frames=1)
    for row in np.linspace(0, pictures.rows - 1, PHOTOGRAPHS).astype(int):
        picture = pictures.frames(np.array([row]), np.array([0])).numpy()[0, 0]
        # "right" is "left" played backwards, and so on.
        photographs.append(np.stack([encode(camera(picture, move, size, random)) for move in MOVES[::2]]))
    return {"clips": np.stack(clips), "moved": np.stack(moved), "photographs": np.stack(photographs)}


def camera(picture: np.ndarray, move: str, size: int, random: np.random.Generator) -> np.ndarray:
    """A camera over a picture, uint8 [FRAMES, size, size, 3]."""
    image = Image.fromarray(picture)
    share = random.uniform(NEAR, 0.8)
    free = 1 - share
    steps = np.linspace(0.0, 1.0, FRAMES)
    if move in ("right", "down", "away"):
        steps = steps[::-1]
    aside = random.uniform(0, free)
    boxes: list[tuple[float, float, float, float]] = []
    for step in steps:
        if move in ("left", "right"):
            left, top, side = free * (1 - step), aside, share
        elif move in ("up", "down"):
            left, top, side = aside, free * (1 - step), share
        else:
            side = 1 - free * step
            left = top = (1 - side) / 2
        width, height = image.size
        boxes.append((left * width, top * height, (left + side) * width, (top + side) * height))
    return np.stack([np.asarray(image.resize((size, size), box=box)) for box in boxes])


def ask(clips: Tensor, moved: Tensor, photographs: Tensor) -> dict[str, Data]:
    """Examples of each question."""
    whole, slow = clips[:, ::2], clips[:, FRAMES // 2 : FRAMES // 2 + FRAMES]
    frozen = clips[:, FRAMES : FRAMES + 1].expand_as(whole)
    backwards = photographs.flip(2)
    ways = torch.stack([photographs, backwards], dim=2).flatten(1, 2)  # in the order of MOVES
    return {
        "order": _joined([whole, whole.flip(1)]),
        "speed": _joined([slow, whole]),
        "motion": _joined([whole, moved, frozen]),
        "camera": _joined(list(ways.unbind(1))),
    }


def _joined(classes: list[Tensor]) -> Data:
    count = len(classes[0])
    labels = torch.arange(len(classes)).repeat_interleave(count)
    return torch.cat(classes).float(), labels, torch.arange(count).repeat(len(classes))


FORMS = ("mean token", "mean and differences", "temporal head", "temporal head, 3 x 3 cells")


def accuracy(form: str, data: Data, seed: int) -> float:
    """Percent of right answers over all folds."""
    tokens, labels, owners = data
    fold_of = torch.from_numpy(np.random.default_rng(seed).permutation(int(owners.max()) + 1)) % FOLDS
    right = torch.zeros(len(labels))
    for fold in range(FOLDS):
        test = fold_of[owners] == fold
        features = features_of(form, tokens, ~test)
        right[test] = (predict(features, labels, ~test, seed)[test] == labels[test]).float()
    return 100 * right.mean().item()


def features_of(form: str, tokens: Tensor, training: Tensor) -> Tensor:
    """What an answer is found from, float [E, T, F]: T is 1 for what has no order."""
    whole = components(tokens[:, :, :1], training, TOKEN_PARTS)
    if form == "mean token":
        return whole.mean(dim=1, keepdim=True)
    steps = whole.diff(dim=1)
    if form == "mean and differences":
        parts = [whole.mean(dim=1), steps.abs().mean(dim=1), whole[:, -1] - whole[:, 0], steps.std(dim=1)]
        return torch.cat(parts, dim=-1)[:, None]
    seen = whole
    if form.endswith("cells"):
        seen = torch.cat([whole, components(tokens[:, :, 1:], training, CELL_PARTS)], dim=-1)
    return torch.cat([seen, functional.pad(seen.diff(dim=1), (0, 0, 1, 0))], dim=-1)


def components(tokens: Tensor, training: Tensor, count: int) -> Tensor:
    """Principal components of tokens [E, T, C, D], fitted to the training examples: [E, T, C * count]."""
    flat = tokens[training].flatten(0, 2)
    flat = flat[:: max(1, len(flat) // 4000)]
    mean, deviation = flat.mean(dim=0), flat.std(dim=0).clamp(min=1e-4)
    torch.manual_seed(0)
    _, _, directions = torch.pca_lowrank((flat - mean) / deviation, q=count, niter=2)
    found = ((tokens - mean) / deviation) @ directions
    return (found / found[training].flatten(0, 2).std(dim=0)).flatten(2)


class Head(nn.Module):
    """One Transformer layer over the frames with learnt places, or an MLP for features without order."""

    def __init__(self, size: int, steps: int, classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.3)
        self.enter = nn.Linear(size, WIDTH)
        self.places = nn.Parameter(0.02 * torch.randn(steps, WIDTH))
        self.layer = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, dropout=0.2, batch_first=True)
        self.leave = nn.Linear(WIDTH, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Float [B, T, F] to [B, classes]."""
        answers: Tensor = self.leave(self.layer(self.enter(self.dropout(features)) + self.places).mean(dim=1))
        return answers


def predict(features: Tensor, labels: Tensor, training: Tensor, seed: int) -> Tensor:
    """Train a head on the training examples; the class of every example, int [E]."""
    torch.manual_seed(seed)
    head = Head(features.shape[2], features.shape[1], int(labels.max()) + 1)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.05)
    rows = training.nonzero()[:, 0]
    for _ in range(STEPS):
        some = rows[torch.randint(len(rows), (64,))]
        loss = functional.cross_entropy(head(features[some]), labels[some], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    head.eval()
    with torch.no_grad():
        return head(features).argmax(dim=1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder for tokens")
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
