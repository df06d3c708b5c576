"""Any open_clip model as a config of this project: `open_clip:ARCHITECTURE/TAG` or `open_clip:ARCHITECTURE/PATH`."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexes.reasons import first_line
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.cache import cached_entry
from jepa_retrieval.models.config import (
    FrameFit,
    MeanPoolConfig,
    ModelConfig,
    OpenClipImageConfig,
    OpenClipTextConfig,
    YEncoderConfig,
    load_config,
    save_config,
)
from jepa_retrieval.models.fingerprint import digest_of_files
from jepa_retrieval.models.hub import NotFetchedError, Repository, offline
from jepa_retrieval.models.sources import locate
from jepa_retrieval.models.tokenizer import TOKENIZER_FILE, TokenIds, check_texts

if TYPE_CHECKING:
    from jepa_retrieval.models import clip_tokenizer

PREFIX = "open_clip:"
TAG = "tag:"
FRAMES_PER_WINDOW = 4
TEMPERATURE = 0.01  # CLIP's training limits it to this: a factor of 100 on the cosines
RESIZE_MODES: dict[str, FrameFit] = {
    "shortest": "crop",
    "longest": "pad",
    "squash": "squeeze",
}  # open_clip's names
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # what open_clip looks for


def open_clip_config(name: str) -> ModelConfig:
    """The config of `open_clip:ARCHITECTURE/TAG` or `open_clip:ARCHITECTURE/PATH`.

    It is kept in the user's cache, since importing open_clip takes seconds: too long for a text search.

    Raises:
        ModelError: the name has another form, or open_clip does not know the architecture or the tag.
    """
    weights = Path(name.removeprefix(PREFIX).partition("/")[2]).expanduser()
    state = weights.stat() if weights.is_file() else None
    key = f"{name}\0{state.st_size} {state.st_mtime_ns}\0{weights.resolve()}" if state else name

    def build(folder: Path) -> None:
        save_config(_read_config(name), folder / "config.json")

    return load_config(_cached("config-4", key, build) / "config.json")


def _cached(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """A folder of the user's cache for what the installed open_clip says about `key`."""
    digest = hashlib.sha256(f"{importlib.metadata.version('open_clip_torch')}\0{key}".encode()).hexdigest()
    return cached_entry(f"open_clip/{kind}-{digest[:20]}", build)


def _read_config(name: str) -> ModelConfig:
    architecture, _, weights = name.removeprefix(PREFIX).partition("/")
    if not architecture or not weights:
        raise ModelError(f"{name}: not of the form open_clip:ARCHITECTURE/TAG or open_clip:ARCHITECTURE/PATH")
    import open_clip

    # Not every name: open_clip itself would ask the hub for hf-hub:ORG/NAME.
    if architecture not in (known := open_clip.list_models()):
        raise ModelError(
            f"{name}: open_clip has no architecture {architecture!r} (it has: {', '.join(known)})"
        )
    settings = open_clip.get_model_config(architecture)
    tag = open_clip.get_pretrained_cfg(architecture, weights)
    is_path = Path(weights).expanduser().is_file()
    if not tag and not is_path:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(architecture)) or "none"
        raise ModelError(
            f"{name}: there is no file {weights} and no such tag of {architecture} (tags: {tags})"
        )
    if bool(tag.get("quick_gelu")) != bool(settings.get("quick_gelu")) and tag:
        raise ModelError(
            f"{name}: {weights} was trained with another activation: use {architecture}-quickgelu"
        )
    digests: dict[str, str] = {}
    source = TAG + weights
    if is_path:
        source = str(Path(weights).expanduser().resolve())
        digests = dict.fromkeys(("x_encoder", "y_encoder.tower"), digest_of_files([Path(source)]))
    return ModelConfig(
        name=name,
        description=f"open_clip's {architecture}, frame by frame; the query has no influence",
        prompt="",
        embedding_size=settings["embed_dim"],
        frames_per_window=FRAMES_PER_WINDOW,
        x_encoder=OpenClipImageConfig(
            kind="open_clip",
            architecture=architecture,
            source=source,
            image_size=_side(settings["vision_cfg"].get("image_size", 224)),
            width=settings["embed_dim"],
            mean=tuple(tag.get("mean") or open_clip.OPENAI_DATASET_MEAN),
            std=tuple(tag.get("std") or open_clip.OPENAI_DATASET_STD),
            frame_fit=RESIZE_MODES.get(tag.get("resize_mode") or "", "crop"),
            interpolation="bilinear" if tag.get("interpolation") == "bilinear" else "bicubic",
        ),
        predictor=MeanPoolConfig(kind="mean_pool"),
        y_encoder=YEncoderConfig(
            tower=OpenClipTextConfig(
                kind="open_clip", architecture=architecture, source=source, width=settings["embed_dim"]
            ),
            pooling="tower",
            head="none",
        ),
        languages=() if "hf_model_name" in settings["text_cfg"] else ("en",),  # as CLIP's own texts are
        digests=digests,
        temperature=TEMPERATURE,
    )


def locate_checkpoint(architecture: str, source: str, *, base: Path) -> Path:
    """The local file of a tower's `source`: `tag:NAME`, one of open_clip's pretrained tags, or a path.

    Raises:
        NotFetchedError: the tag's file is not on this machine.
        ModelError: there is no such tag or file.
    """
    if not source.startswith(TAG):
        return locate(source, base=base)
    tag = source.removeprefix(TAG)
    repository, files = tag_files(architecture, tag)
    for file in files:
        if (path := repository.find(file)) is not None:
            return path
    raise NotFetchedError(f"open_clip:{architecture}/{tag}: its weights are not on this machine")


def tag_files(architecture: str, tag: str) -> tuple[Repository, tuple[str, ...]]:
    """The hub's repository of a pretrained tag, and the names that its weights may have there, the best first.

    Raises:
        ModelError: open_clip has no such tag, or not on the hub.
    """

    def build(folder: Path) -> None:
        from open_clip.pretrained import get_pretrained_cfg

        settings = get_pretrained_cfg(architecture, tag)
        if not settings:
            raise ModelError(f"open_clip has no weights {tag!r} for {architecture}")
        (folder / "hub").write_text(settings.get("hf_hub", ""), encoding="utf-8")

    place = (_cached("tag", f"{architecture}\0{tag}", build) / "hub").read_text(encoding="utf-8")
    name, _, file = place.rpartition("/")
    if not name:
        raise ModelError(f"open_clip:{architecture}/{tag}: its weights are not on the Hugging Face hub")
    return Repository.parse(name), (file,) if file else HUB_FILES


def text_repositories(architecture: str) -> dict[str, Repository]:
    """The hub's repositories that an architecture's texts need, by what of them: "tokenizer", "config"."""

    def build(folder: Path) -> None:
        import open_clip

        settings = (open_clip.get_model_config(architecture) or {}).get("text_cfg", {})
        names = {"tokenizer": settings.get("hf_tokenizer_name"), "config": settings.get("hf_model_name")}
        lines = [f"{use} {name}" for use, name in names.items() if name]
        (folder / "hub").write_text("\n".join(lines), encoding="utf-8")

    lines = (_cached("texts", architecture, build) / "hub").read_text(encoding="utf-8").splitlines()
    return {use: Repository.parse(name) for use, name in (line.split(" ", 1) for line in lines)}


class OpenClipTokenizer:
    """The tokenizer of an architecture; its texts all have the tower's full length.

    CLIP's own, which most architectures have, is converted once and then needs neither open_clip nor PyTorch.
    """

    def __init__(self, architecture: str) -> None:
        """Raises `NotFetchedError` when the tokenizer's files are not on this machine."""
        # Only now: it needs libraries that no other model does.
        from jepa_retrieval.models import clip_tokenizer

        def build(folder: Path) -> None:
            tokenizer = _load_tokenizer(architecture)
            length = 0
            if _is_plain_clip(tokenizer):
                length = tokenizer.context_length
                merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.__getitem__)
                clip_tokenizer.build(tokenizer.encoder, merges).save(str(folder / TOKENIZER_FILE))
            (folder / "length").write_text(str(length), encoding="utf-8")

        folder = _cached("tokenizer", architecture, build)
        self._plain: clip_tokenizer.ClipTokenizer | None = None
        if length := int((folder / "length").read_text(encoding="utf-8")):
            self._plain = clip_tokenizer.ClipTokenizer(folder / TOKENIZER_FILE, length=length)
        else:
            self._tokenizer = _load_tokenizer(architecture)

    def __call__(self, texts: Sequence[str]) -> TokenIds:
        """B texts to ids and mask [B, L]; the tower needs no mask, which is 1 throughout."""
        if self._plain is not None:
            return self._plain(texts)
        check_texts(texts)
        ids = self._tokenizer(list(texts)).numpy().astype(np.int64)
        return TokenIds(ids, np.ones_like(ids))

    def unknown_words(self, text: str) -> list[str]:
        """Always empty: open_clip's tokenizers do not report them."""
        check_texts([text])
        return []


def _load_tokenizer(architecture: str) -> Any:
    import open_clip
    from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer

    settings = (open_clip.get_model_config(architecture) or {}).get("text_cfg", {})
    repository = text_repositories(architecture).get("tokenizer")
    if repository is None and "siglip" in architecture.lower():  # open_clip would download a vocabulary
        raise ModelError(f"open_clip's tokenizer of {architecture} is not on the Hugging Face hub")
    try:
        with offline():
            if repository is None:
                return open_clip.get_tokenizer(architecture)
            folder = repository.require("tokenizer_config.json").parent
            return HFTokenizer(
                str(folder),
                context_length=settings.get("context_length", DEFAULT_CONTEXT_LENGTH),
                tokenizer_mode=settings.get("tokenizer_mode"),
                **settings.get("tokenizer_kwargs", {}),
            )
    except ModelError:
        raise
    except Exception as error:  # of transformers and tokenizers, many kinds
        raise ModelError(
            f"open_clip's tokenizer of {architecture} cannot be loaded ({first_line(error)})"
        ) from error


def _is_plain_clip(tokenizer: Any) -> bool:
    """Whether it is CLIP's tokenizer with its usual cleaning and cutting of texts."""
    from open_clip.tokenizer import SimpleTokenizer, get_clean_fn

    return (
        type(tokenizer) is SimpleTokenizer
        and tokenizer.clean_fn is get_clean_fn("lower")
        and tokenizer.reduction_fn is None
        and len(tokenizer.all_special_ids) == 2
    )


def _side(image_size: int | Sequence[int]) -> int:
    if isinstance(image_size, int):
        return image_size
    height, width = image_size
    if height != width:
        raise ModelError(
            f"open_clip's models for {height} x {width} pixels are not supported, only square ones"
        )
    return int(height)
