"""A large contrastive batch in little memory, with the gradients of the whole batch.

Plain gradient accumulation would shrink InfoNCE's set of negatives to the micro batch. With cached gradients (Gao et
al. 2021, "Scaling deep contrastive learning batch size under memory limited setup", arXiv 2101.06983) the embeddings
of all micro batches are first computed without a graph, the loss gives the gradient of each embedding, and a second
pass carries those into the weights, one micro batch at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from jepa_retrieval.training.random_state import random_state, set_random_state

Embed = Callable[[], tuple[Tensor, ...]]


def backward(chunks: Sequence[Embed], loss: Callable[..., Tensor]) -> Tensor:
    """Add the gradients of ``loss(*embeddings)`` to the weights; returns the loss, detached.

    Each chunk computes the embeddings of a micro batch, one or several tensors [b, ...]; `loss` gets each kind joined
    over the chunks. A chunk is called twice with the same random numbers, so dropout is the same.
    """
    if len(chunks) == 1:
        value = loss(*chunks[0]())
        value.backward()
        return value.detach()
    states, parts = [], []
    with torch.no_grad():
        for chunk in chunks:
            states.append(random_state())
            parts.append(chunk())
    leaves = [torch.cat(kind).requires_grad_() for kind in zip(*parts, strict=True)]
    value = loss(*leaves)
    value.backward()
    after = random_state()
    start = 0
    for chunk, state in zip(chunks, states, strict=True):
        set_random_state(state)
        embeddings = chunk()
        end = start + len(embeddings[0])
        # A frozen tower's embeddings have no graph to go back through.
        trained = [kind for kind, embedding in enumerate(embeddings) if embedding.requires_grad]
        gradients = [_gradient_of(leaves[kind])[start:end] for kind in trained]
        torch.autograd.backward([embeddings[kind] for kind in trained], gradients)
        start = end
    set_random_state(after)
    return value.detach()


def _gradient_of(leaf: Tensor) -> Tensor:
    """The gradient of a leaf; zeros if the loss does not depend on it."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
