"""Reading tensors from checkpoint files and folders: safe formats and safe loading only."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from indexes.reasons import first_line
from jepa_retrieval.errors import ModelError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

WEIGHT_FILES = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)


def weight_files(path: Path) -> list[Path]:
    """The files that hold a checkpoint's tensors: `path` itself, or those that transformers writes to a folder."""
    if path.is_file():
        return [path]
    for name in WEIGHT_FILES:
        found = path / name
        if not found.exists():
            continue
        if not name.endswith(".index.json"):
            return [found]
        try:
            shards = sorted(set(json.loads(found.read_text(encoding="utf-8"))["weight_map"].values()))
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise ModelError(f"{found}: not a readable index of weight files ({error})") from error
        return [path / shard for shard in shards]
    raise ModelError(f"{path}: holds no weights (looked for: {', '.join(WEIGHT_FILES)})")


def read_tensors(
    path: Path, choose: Callable[[list[str]], Mapping[str, str]] | None = None
) -> dict[str, torch.Tensor]:
    """Tensors of a checkpoint file or folder, under new names.

    Args:
        path: a `.safetensors` file, a PyTorch file (read with `weights_only`), or a folder of transformers.
        choose: given all names of the checkpoint in their order, the wanted ones as {new name: name}; None: all.

    Raises:
        ModelError: a file is missing, damaged, or holds something other than tensors.
    """
    files = weight_files(path)
    names: list[str] = []
    where: dict[str, Path] = {}
    loaded: dict[Path, dict[str, torch.Tensor]] = {}
    for file in files:
        if file.suffix == ".safetensors":
            found = _names_of_safetensors(file)
        else:
            loaded[file] = read_torch_file(file)
            found = list(loaded[file])
        names += found
        where |= dict.fromkeys(found, file)
    wanted = choose(names) if choose else {name: name for name in names}
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        here = {new: old for new, old in wanted.items() if where[old] == file}
        if file in loaded:
            tensors |= {new: loaded[file][old] for new, old in here.items()}
        else:
            tensors |= _read_safetensors(file, here)
    return tensors


def read_torch_file(path: Path) -> dict[str, torch.Tensor]:
    """A PyTorch file that holds a dict of tensors. Nothing in the file is executed."""
    content = read_torch_object(path)
    import torch

    if not isinstance(content, dict) or not all(
        isinstance(value, torch.Tensor) for value in content.values()
    ):
        raise ModelError(f"{path}: is not a dict of tensors")
    return content


def read_torch_object(path: Path) -> object:
    """What a PyTorch file holds, as far as that is tensors and plain values. Nothing in it is executed."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file") from None
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path}: holds objects other than tensors and plain values, it is not opened"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: not a readable PyTorch file ({first_line(error)})") from error


def _names_of_safetensors(path: Path) -> list[str]:
    return _open_safetensors(path, lambda file: list(file.keys()))


def _read_safetensors(path: Path, wanted: Mapping[str, str]) -> dict[str, torch.Tensor]:
    return _open_safetensors(path, lambda file: {new: file.get_tensor(old) for new, old in wanted.items()})


def _open_safetensors(path: Path, read: Callable[[Any], T]) -> T:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return read(file)
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file") from None
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({first_line(error)})") from error
