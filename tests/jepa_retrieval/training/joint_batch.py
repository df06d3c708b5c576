"""Run by several processes: writes the loss and the gradients of one batch.  usage: joint_batch.py RECIPE OUTPUT"""

import sys
from pathlib import Path

import torch
from accelerate import PartialState

from jepa_retrieval.training.config import load_config
from jepa_retrieval.training.stages import build_trainer


def write_gradients(recipe: Path, output: Path) -> None:
    """Loss and gradients of the first batch, of this process, as a file named by its rank."""
    state = PartialState(cpu=True)
    trainer = build_trainer(load_config(recipe), "pretrain", state)
    trainer.learner.model.eval()  # without dropout, which each process draws for itself
    batch = trainer.batches(0)[0]
    loss = trainer.backward(batch, micro_batch=trainer.config.phases[0].micro_batch)
    gradients = {name: value.grad for name, value in trainer.named.items()}
    torch.save(
        {"loss": loss, "gradients": gradients, "size": len(batch.queries)},
        output / f"{state.process_index}.pt",
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    write_gradients(Path(sys.argv[1]), Path(sys.argv[2]))
