"""The card, its software, and the two limits of everything on it: matrix products and memory."""

from __future__ import annotations

import importlib.metadata
import os
import platform

import torch

from benchmarks.gpu.facts import Facts
from benchmarks.gpu.timing import GB, product_rate, seconds_of

PACKAGES = ("torch", "transformers", "timm", "numpy", "accelerate", "triton", "torchcodec", "open_clip_torch")


def run(facts: Facts) -> None:
    """Say what is here and how fast it is at best."""
    facts.say(python=platform.python_version(), cores=os.cpu_count(), packages=_versions())
    size = 512 if facts.smoke else 8192
    if facts.device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        free, total = torch.cuda.mem_get_info()
        facts.say(
            card=properties.name,
            capability=f"{properties.major}.{properties.minor}",
            memory_gb=total / GB,
            free_gb=free / GB,
            cuda=torch.version.cuda,
        )
    facts.say("products_tflops", bf16=product_rate(facts.device, torch.bfloat16, size=size) / 1e12)
    facts.say("products_tflops", fp32=product_rate(facts.device, torch.float32, size=size // 2) / 1e12)
    if facts.device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        facts.say("products_tflops", tf32=product_rate(facts.device, torch.float32, size=size) / 1e12)
    _memory(facts)


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _memory(facts: Facts) -> None:
    count = 1 << (20 if facts.smoke else 32)
    source = torch.randint(256, (count,), dtype=torch.uint8, device=facts.device)
    target = torch.empty_like(source)
    facts.say(
        "copies_gb_per_s", device=2 * count / seconds_of(lambda: target.copy_(source), facts.device) / GB
    )
    if facts.device != "cuda":
        return
    small = 1 << 28
    for name, pinned in (("from_pageable", False), ("from_pinned", True)):
        host = torch.randint(256, (small,), dtype=torch.uint8, pin_memory=pinned)
        seconds = seconds_of(lambda host=host: target[:small].copy_(host, non_blocking=True), facts.device)  # type: ignore[misc]
        facts.say("copies_gb_per_s", **{name: small / seconds / GB})
