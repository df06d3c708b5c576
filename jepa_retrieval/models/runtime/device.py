"""Which device a model runs on."""

from __future__ import annotations

import ctypes
import logging
import os
from typing import Literal, get_args

from jepa_retrieval.errors import ModelError, UsageError

_log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
VARIABLE = "JEPA_DEVICE"


def wanted_device(device: str) -> Device:
    """The requested device: `device`, or for "auto" the value of $JEPA_DEVICE, if it is set.

    Raises:
        UsageError: names the value that is not allowed, and where it was set.
    """
    named = os.environ.get(VARIABLE) if device == "auto" else None
    for allowed in get_args(Device):
        if (named or device) == allowed:
            chosen: Device = allowed
            return chosen
    where = f"${VARIABLE}" if named else "device"
    raise UsageError(f"{where} must be one of {', '.join(get_args(Device))}, not {named or device!r}")


def choose_device(device: str) -> Literal["cpu", "cuda"]:
    """The device that `device` stands for: "auto" is $JEPA_DEVICE, else CUDA where PyTorch can use it, else the CPU.

    Raises:
        UsageError: `device` is not one of the allowed values.
        ModelError: "cuda" was asked for and PyTorch cannot use it.
    """
    device = wanted_device(device)
    if device == "cpu" or (device == "auto" and not _driver_has_gpu()):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise ModelError("device 'cuda': PyTorch finds no usable GPU here; use 'cpu' or 'auto'")
    _log.warning("there is an NVIDIA GPU, but this PyTorch cannot use it: the model runs on the CPU")
    return "cpu"


def _driver_has_gpu() -> bool:
    """Ask the CUDA driver itself: importing PyTorch only to learn that there is no GPU would take seconds."""
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
