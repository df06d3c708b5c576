"""Checkpoints are read from the formats that are safe, whole or not at all."""

import pickle
from pathlib import Path

import pytest

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import read_tensors


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


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", pickle.dumps([1, 2])])
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        read_tensors(tmp_path)


def test_a_folder_without_weights_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"contains no weights \(looked for: .*model\.safetensors"):
        read_tensors(tmp_path)
