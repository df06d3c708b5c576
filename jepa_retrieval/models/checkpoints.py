"""Reading tensors from checkpoint files and folders: safe formats and safe loading only."""

from __future__ import annotations

import errno
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from indexes.reasons import first_line, reason
from jepa_retrieval.errors import ModelError
from jepa_retrieval.settings import shown
from jepa_retrieval.text_files import parse_json, read_text
from jepa_retrieval.user_paths import not_a_file

if TYPE_CHECKING:
    import torch

MAX_INDEX_BYTES = 1 << 26  # of the JSON file that says which weight file holds which tensor
MAX_REPETITION = 4  # tensors may share bytes (tied weights): in all at most this many times the file's size
_PICKLE, _ARCHIVE = b"\x80", b"PK\x03\x04"  # what PyTorch's files begin with, of old and of new releases
# What PyTorch says of a file that names a class or a function; with other words it refuses bytes that make no sense.
_OTHER_OBJECTS = re.compile(r"GLOBAL \S|allowlisted via|unrecognized function|must be imported")
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
    if not path.is_dir() and (fault := not_a_file(path)) is not None:
        raise ModelError(f"{path}: {fault}")
    for name in WEIGHT_FILES:
        found = path / name
        if not found.exists():
            continue
        if not name.endswith(".index.json"):
            return [found]
        return [path / shard for shard in _shards(found)]
    raise ModelError(f"{path}: contains no weights (looked for: {', '.join(WEIGHT_FILES)})")


def _shards(index: Path) -> list[str]:
    """The names of the weight files that an index lists, each a plain name in the index's folder."""
    content = parse_json(
        read_text(index, max_bytes=MAX_INDEX_BYTES, error=ModelError), where=str(index), error=ModelError
    )
    names = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise ModelError(f"{index}: not an index of weight files (it has no table weight_map)")
    for name in names.values():
        if Path(name).name != name or "\\" in name:
            raise ModelError(f"{index}: {shown(name)} is not the name of a file in its folder")
    return sorted(set(names.values()))


def check_weights(file: Path) -> None:
    """Look at the beginning of a file of weights; PyTorch is not loaded.

    Raises:
        ModelError: it is missing, no file, or neither a safetensors file nor one of PyTorch.
    """
    if file.suffix == ".safetensors":
        with open_safetensors(file, "np") as opened:
            opened.keys()
        return
    _check_form(file)


def read_tensors(
    path: Path, choose: Callable[[list[str]], Mapping[str, str]] | None = None
) -> dict[str, torch.Tensor]:
    """Tensors of a checkpoint file or folder, under new names.

    Args:
        path: a `.safetensors` file, a PyTorch file (read with `weights_only`), or a folder of transformers.
        choose: given all names of the checkpoint in their order, the wanted ones as {new name: name}; None: all.

    Raises:
        ModelError: a file is missing, damaged, no checkpoint, or holds something other than tensors.
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

    _check_form(path)
    try:
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes lead the unpickler to errors of all kinds
        raise ModelError(f"{path}: {_fault(error)}") from error
    _check_tensors(content, path)
    return content


def _fault(error: Exception) -> str:
    """What an error says of a file of PyTorch, in words that come behind its path."""
    # The system finds an argument invalid where damaged bytes lead a reader to a place that no file has.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return reason(error)
    if isinstance(error, pickle.UnpicklingError) and _OTHER_OBJECTS.search(str(error)):
        return "holds objects other than tensors and plain values, it is not opened"
    return "is damaged, or not a PyTorch checkpoint"  # PyTorch's own words only say where its reader stopped


def _check_form(path: Path) -> None:
    """`ModelError` for what cannot be read, or is neither a pickle nor an archive as PyTorch writes it.

    It never compresses members: a small file could fill the memory.
    """
    if (fault := not_a_file(path)) is not None:  # opening a pipe would wait for its writer
        raise ModelError(f"{path}: {fault}")
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise ModelError(f"{path}: {reason(error)}") from error
    if not head:
        raise ModelError(f"{path}: is empty")
    if not head.startswith(_PICKLE) and head != _ARCHIVE:
        raise ModelError(f"{path}: is not a PyTorch checkpoint")
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except Exception as error:  # of a damaged list of members: errors of all kinds
            raise ModelError(f"{path}: {_fault(error)}") from error
        names = [PurePosixPath(member.filename).name for member in members]
        if "data.pkl" not in names:
            raise ModelError(f"{path}: is not a PyTorch checkpoint, but another archive")
        if "constants.pkl" in names:
            raise ModelError(f"{path}: is a program in TorchScript, not a checkpoint of tensors")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ModelError(f"{path}: is not a PyTorch checkpoint (its members are compressed)")


def _check_tensors(content: object, path: Path) -> None:
    """`ModelError` for tensors that are not plain arrays, or that together are far larger than the file."""
    import torch

    pending, seen, total = [content], set(), 0
    while pending:
        value = pending.pop()
        if isinstance(value, torch.Tensor):
            if value.layout != torch.strided:
                raise ModelError(
                    f"{path}: holds a tensor of the layout {value.layout}, which no model here has"
                )
            total += value.numel() * value.element_size()
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            pending += value.values() if isinstance(value, dict) else value
    if total > MAX_REPETITION * path.stat().st_size:
        raise ModelError(
            f"{path}: its tensors have {total:,} bytes, the file {path.stat().st_size:,}: not a checkpoint"
        )


def _names_of_safetensors(path: Path) -> list[str]:
    with open_safetensors(path, "pt") as file:
        return list(file.keys())


def _read_safetensors(path: Path, wanted: Mapping[str, str]) -> dict[str, torch.Tensor]:
    with open_safetensors(path, "pt") as file:
        return {new: file.get_tensor(old) for new, old in wanted.items()}


def not_finite(tensors: Mapping[str, np.ndarray]) -> str | None:
    """The name of the first tensor that holds a value that is not finite; None if there is none."""
    return next((name for name, values in tensors.items() if not np.isfinite(values).all()), None)


@contextmanager
def open_safetensors(path: Path, framework: Literal["np", "pt"]) -> Iterator[Any]:
    """The library's open file, which gives arrays of NumPy or tensors of PyTorch.

    Raises:
        ModelError: the file is missing, no file, or damaged, whether that shows when it is opened or when it is read
            inside.
    """
    if (fault := not_a_file(path)) is not None:  # opening a pipe would wait for its writer
        raise ModelError(f"{path}: {fault}")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file or folder") from None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({first_line(error)})") from error
