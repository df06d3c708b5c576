"""Checkpoints are read from the formats that are safe, whole or not at all."""

import os
import pickle
import random
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import read_tensors, read_torch_object
from jepa_retrieval.models.fingerprint import digest_of_files


@pytest.fixture(scope="module")
def tensors() -> dict:  # type: ignore[type-arg]
    import torch

    return {"b.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


def test_all_formats_give_the_same_tensors(tensors: dict, tmp_path: Path) -> None:  # type: ignore[type-arg]
    import torch
    from safetensors.torch import save_file

    for folder in ("safe", "torch", "sharded"):
        (tmp_path / folder).mkdir()
    save_file(tensors, tmp_path / "safe" / "model.safetensors")
    torch.save(tensors, tmp_path / "torch" / "pytorch_model.bin")
    for name, tensor in tensors.items():
        save_file({name: tensor}, tmp_path / "sharded" / f"{name}.safetensors")
    index = '{"weight_map": {"b.weight": "b.weight.safetensors", "a.bias": "a.bias.safetensors"}}'
    (tmp_path / "sharded" / "model.safetensors.index.json").write_text(index, encoding="utf-8")
    for path in ("safe", "torch", "sharded", "safe/model.safetensors", "torch/pytorch_model.bin"):
        found = read_tensors(tmp_path / path, lambda names: {f"x.{name}": name for name in names})
        assert set(found) == {"x.b.weight", "x.a.bias"}
        assert torch.equal(found["x.b.weight"], tensors["b.weight"])


def test_only_what_is_chosen_is_read(tensors: dict, tmp_path: Path) -> None:  # type: ignore[type-arg]
    from safetensors.torch import save_file

    save_file(tensors, tmp_path / "model.safetensors")
    assert list(read_tensors(tmp_path, lambda names: {"bias": "a.bias"})) == ["bias"]


class Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("executed",))


def test_code_in_a_file_is_not_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    torch.save({"a": Malicious()}, tmp_path / "evil.pt")
    with pytest.raises(ModelError, match=r"evil\.pt: holds objects other than tensors"):
        read_tensors(tmp_path / "evil.pt")
    assert capsys.readouterr().out == ""


def old_checkpoint(file: Path) -> None:
    import torch

    torch.save({"a": torch.ones(64)}, file, _use_new_zipfile_serialization=False)
    file.write_bytes(file.read_bytes()[:-100])


def half_checkpoint(file: Path) -> None:
    import torch

    torch.save({"a": torch.ones(64)}, file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def torchscript(file: Path) -> None:
    import torch

    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)


def other_archive(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "no weights")


def noise(size: int) -> bytes:
    return random.Random(0).randbytes(size)


def archive_with_a_wrong_list(file: Path) -> None:
    """Where it ends, it says that its list of members lies elsewhere."""
    half = b"PK\x03\x04" + noise(60)
    file.write_bytes(half + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 50, 9999, 0))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Path.touch, "is empty"),
        (lambda file: file.write_text("hello"), "is not a PyTorch checkpoint"),  # PyTorch's reader says: 101
        (lambda file: file.write_bytes(b"\x80\x02garbage"), "is damaged, or not a PyTorch checkpoint"),
        (lambda file: file.write_bytes(pickle.dumps([1, 2])), "is damaged, or not a PyTorch checkpoint"),
        (half_checkpoint, "is damaged, or not a PyTorch checkpoint"),
        (old_checkpoint, "is damaged, or not a PyTorch checkpoint"),
        (other_archive, "is not a PyTorch checkpoint, but another archive"),
        (torchscript, "is a program in TorchScript, not a checkpoint of tensors"),
        (lambda file: file.write_bytes(b"PK\3\4" + noise(5000)), "is damaged, or not a PyTorch checkpoint"),
        (archive_with_a_wrong_list, "is damaged, or not a PyTorch checkpoint"),
        (Path.mkdir, "is not a file, but a folder"),
        (os.mkfifo, "is not a file, but a pipe or a device"),
        (lambda file: None, "no such file or folder"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # of PyTorch
def test_what_is_no_checkpoint_is_told_plainly(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "a.pt")
    with pytest.raises(ModelError) as caught:
        read_torch_object(tmp_path / "a.pt")
    assert str(caught.value) == f"{tmp_path / 'a.pt'}: {said}"


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize(
    ("make", "what"), [(os.mkfifo, "a pipe or a device"), (Path.mkdir, "a folder")], ids=["pipe", "folder"]
)
def test_what_is_no_file_is_not_opened(
    tmp_path: Path, name: str, make: Callable[[Path], None], what: str
) -> None:
    make(tmp_path / name)
    said = rf"{re.escape(name)}: is not a file, but {what}$"
    with pytest.raises(ModelError, match=said):
        read_tensors(tmp_path)
    with pytest.raises(ModelError, match=said):
        digest_of_files([tmp_path / name])


def test_a_pipe_in_place_of_a_folder_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model")
    with pytest.raises(ModelError, match="model: is not a file, but a pipe or a device"):
        read_tensors(tmp_path / "model")


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", pickle.dumps([1, 2])])
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        read_tensors(tmp_path)


def test_a_folder_without_weights_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"contains no weights \(looked for: .*model\.safetensors"):
        read_tensors(tmp_path)
