"""Run by several processes: writes the loss and the gradients of one batch.  usage: joint_batch.py RECIPE OUTPUT"""

import sys
from pathlib import Path

import torch
from accelerate import PartialState
from torch.distributed.tensor import DTensor

from jepa_retrieval.training.config import load_config
from jepa_retrieval.training.sharding import whole
from jepa_retrieval.training.stages import build_trainer


def write_gradients(recipe: Path, output: Path) -> None:
    """Loss and gradients of the first batch, of this process, as a file named by its rank."""
    state = PartialState(cpu=True)
    trainer = build_trainer(load_config(recipe), "pretrain", state)
    trainer.learner.model.eval()  # without dropout, which each process draws for itself
    batch = trainer.batches(0)[0]
    loss = trainer.backward(batch, micro_batch=trainer.config.phases[0].micro_batch)
    gradients = {name: None if p.grad is None else whole(p.grad) for name, p in trainer.named.items()}
    divided = {name: p.to_local().numel() for name, p in trainer.named.items() if isinstance(p, DTensor)}
    torch.save(
        {"loss": loss, "gradients": gradients, "size": len(batch.queries), "divided": divided},
        output / f"{state.process_index}.pt",
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    write_gradients(Path(sys.argv[1]), Path(sys.argv[2]))
