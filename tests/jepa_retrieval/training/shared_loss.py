"""Run by several processes: the loss of a joint batch and its gradients.  usage: shared_loss.py CASE OUTPUT

CASE is a JSON object: pairs, size, texts, and the settings of the loss.
"""

import json
import resource
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from jepa_retrieval.training.config import LossConfig
from jepa_retrieval.training.losses import joint_loss


def joint_batch(case: dict) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Predictions [B, E], targets [B, K, E], ids [B, K] and features [B, K, F]; equal numbers are equal texts."""
    generator = torch.Generator().manual_seed(0)
    pairs, size, texts = case["pairs"], case["size"], case["texts"]
    ids = torch.randint(max(2, pairs * 2 // 3), (pairs, texts), generator=generator)
    distinct = F.normalize(torch.randn(max(2, pairs), size, generator=generator), dim=-1)
    predicted = F.normalize(distinct[ids[:, 0]] + 0.5 * torch.randn(pairs, size, generator=generator), dim=-1)
    return predicted, distinct[ids], ids, distinct[ids]


def main() -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, count = dist.get_rank(), dist.get_world_size()
    case = json.loads(sys.argv[1])
    share = case["pairs"] // count
    mine = slice(rank * share, (rank + 1) * share)
    predicted, targets, ids, features = (part[mine].clone() for part in joint_batch(case))
    predicted.requires_grad_()
    targets.requires_grad_()
    scale = torch.tensor(14.0, requires_grad=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    config = LossConfig(**case.get("settings", {}))
    loss = joint_loss(predicted, targets, ids, scale, config, text_features=features)
    loss.backward()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    found = {
        "loss": loss.detach(),
        "predicted": predicted.grad / count,
        "targets": targets.grad / count,
        "scale": scale.grad,
        "floats": torch.tensor(grown * 1024 / 4),
    }
    torch.save(found, Path(sys.argv[2]) / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
