"""Captions for the Y-Decoder: as tokens, as embeddings, and as points around these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import YDecoderConfig
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.sentences import END, SentenceTokenizer, plain
from jepa_retrieval.models.text_embeddings import cached_text_embeddings
from jepa_retrieval.models.word_support import WordTable
from jepa_retrieval.text_files import read_text
from jepa_retrieval.training.config import Count, Factor, Part
from jepa_retrieval.training.data.captions import caption_list
from jepa_retrieval.training.data.examples import is_chosen
from jepa_retrieval.training.data.shards import expand
from jepa_retrieval.training.data.word_tables import build_word_table

MEMORY_STEPS = 8  # of k-means
NOISE_CAPTIONS = 256  # whose random combinations are the noise of a batch


@dataclass(frozen=True)
class TextConfig:
    """The captions, and how their embeddings are perturbed."""

    captions: str  # a list of captions, see `captions.caption_list`
    names: str = ""  # file with one picture's name a line: only their captions are used
    others: str = ""  # further lists, of which all is used but `hold_out`; braces stand for several
    hold_out: Part = (
        0.0  # this fraction of the media of `others`, chosen by a hash of their names, is not used
    )
    noise: Factor = 1.4  # length of what is added to a mean of unit length
    central: Factor = 0.0  # a caption is drawn with weight exp(central * cosine to its picture's mean)
    held_out: Count = 100  # pictures whose captions only measure the loss


@dataclass(frozen=True)
class Corpus:
    """Captions picture by picture. C captions, P pictures, M points of memory."""

    tokenizer: SentenceTokenizer
    ids: Tensor  # int64 [C, max_tokens + 1]; END first, after the last token, and as padding
    lengths: Tensor  # int64 [C]: tokens with the END after them
    embeddings: Tensor  # S_Y, float32 [C, E]
    means: Tensor  # of the captions of a picture, float32 [P, E], unit length
    first: Tensor  # int64 [P]: where the captions of a picture begin
    counts: Tensor  # int64 [P]: how many they are
    chances: Tensor  # float32 [P, maximum of counts]: weight of each in training; 0 as padding
    memory: Tensor | None  # float32 [M, E], unit length
    words: WordTable | None  # of the clusters whose centres the memory has


def prepare(text: TextConfig, decoder: YDecoderConfig, model: Model, *, seed: int) -> Corpus:
    """Captions, their tokens, embeddings and memory."""
    every = _read_groups(text, seed=seed)
    tokenizer = SentenceTokenizer.fit(
        (plain(caption) for group in every for caption in group), vocabulary=decoder.vocabulary
    )
    groups = [fitting for group in every if (fitting := _fitting(group, tokenizer, decoder.max_tokens))]
    if len(groups) <= text.held_out:
        raise UsageError(
            f"{text.captions}: has fitting captions of {len(groups)} pictures; held_out is {text.held_out}"
        )
    texts = [caption for group in groups for caption in group]
    ids, lengths = _as_tensors(tokenizer.encode([plain(caption) for caption in texts]), decoder.max_tokens)
    embeddings = torch.from_numpy(cached_text_embeddings(texts, model))
    counts = torch.tensor([len(group) for group in groups])
    means = torch.stack([rows.mean(dim=0) for rows in embeddings.split(counts.tolist())])
    means = functional.normalize(means, dim=-1)
    learnt = int(counts[: len(counts) - text.held_out].sum())
    memory, words = _fit_memory(texts[:learnt], embeddings[:learnt].numpy(), decoder.memory, seed=seed)
    return Corpus(
        tokenizer,
        ids,
        lengths,
        embeddings,
        means,
        counts.cumsum(0) - counts,
        counts,
        _chances(embeddings, means, counts, text.central),
        memory,
        words,
    )


def choose(corpus: Corpus, rows: Tensor, generator: torch.Generator) -> Tensor:
    """A caption for each picture, int [B]; captions that resemble the picture's other captions are chosen more often.

    A sentence that describes a picture should say what most annotators say of it.
    """
    return corpus.first[rows] + torch.multinomial(corpus.chances[rows], 1, generator=generator)[:, 0]


def perturb(corpus: Corpus, rows: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """Points where a Predictor might put pictures: float32 [B, E], unit length.

    A Predictor knows what the captions of a picture have in common, and errs towards other captions: so the noise has
    the captions' own covariance, as a random combination of some of them.

    Args:
        corpus: with the captions.
        rows: pictures, int [B].
        noise: mean length of what is added.
        generator: of random numbers.
    """
    others = torch.randint(len(corpus.embeddings), (NOISE_CAPTIONS,), generator=generator)
    weights = torch.randn((len(rows), NOISE_CAPTIONS), generator=generator) / NOISE_CAPTIONS**0.5
    moved = corpus.means[rows] + noise * (weights @ corpus.embeddings[others])
    return functional.normalize(moved, dim=-1)


def project(points: Tensor, memory: Tensor, temperature: float) -> Tensor:
    """As `retrieval_decoder.project`, in PyTorch."""
    weights = torch.softmax(points @ memory.T / temperature, dim=1)
    return functional.normalize(weights @ memory, dim=-1)


def _read_groups(text: TextConfig, *, seed: int) -> list[list[str]]:
    """The captions of each picture, in a random order if there are several lists."""
    wanted = {Path(name).stem for name in read_text(Path(text.names)).split()} if text.names else None
    groups = _of_list(Path(text.captions), names=wanted)
    if not text.others:
        return groups
    for path in map(Path, expand(text.others)):
        groups += _of_list(path, hold_out=text.hold_out)
    order = np.random.default_rng(seed).permutation(len(groups))
    return [groups[row] for row in order]


def _of_list(path: Path, *, names: set[str] | None = None, hold_out: float = 0.0) -> list[list[str]]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file or folder of captions")
    groups: dict[str, list[str]] = {}
    for name, caption in caption_list(path):
        if is_chosen(name, names=names, hold_out=hold_out, part="kept"):
            groups.setdefault(name, []).append(caption)
    return list(groups.values())


def _fitting(captions: Sequence[str], tokenizer: SentenceTokenizer, max_tokens: int) -> list[str]:
    """Those that have a word, and leave room for the `END` after them."""
    lengths = [len(ids) for ids in tokenizer.encode([plain(caption) for caption in captions])]
    return [caption for caption, length in zip(captions, lengths, strict=True) if 0 < length < max_tokens]


def _as_tensors(sentences: Sequence[Sequence[int]], max_tokens: int) -> tuple[Tensor, Tensor]:
    ids = torch.full((len(sentences), max_tokens + 1), END)
    for row, tokens in enumerate(sentences):
        ids[row, 1 : 1 + len(tokens)] = torch.tensor(tokens)
    return ids, torch.tensor([len(tokens) + 1 for tokens in sentences])


def _chances(embeddings: Tensor, means: Tensor, counts: Tensor, central: float) -> Tensor:
    """Weights with which each picture's captions are chosen: float32 [P, maximum of counts]."""
    cosines = (embeddings * means.repeat_interleave(counts, dim=0)).sum(dim=1)
    weights = torch.exp(central * (cosines - 1))
    return torch.nn.utils.rnn.pad_sequence(list(weights.split(counts.tolist())), batch_first=True)


def _fit_memory(
    captions: Sequence[str], embeddings: np.ndarray, size: int, *, seed: int
) -> tuple[Tensor, WordTable] | tuple[None, None]:
    """Centres of `size` clusters of captions, at most as many as captions, [M, E], unit length, and their words."""
    size = min(size, len(embeddings))
    if not size:
        return None, None
    import faiss

    clusters = faiss.Kmeans(embeddings.shape[1], size, niter=MEMORY_STEPS, spherical=True, seed=seed)
    clusters.train(embeddings)
    centres = functional.normalize(torch.from_numpy(clusters.centroids), dim=-1)
    _, nearest = clusters.index.search(embeddings, 1)
    return centres, build_word_table(captions, nearest[:, 0], count=size)
