"""The narrator: a local language model that rewrites decoded sentences as fluent text, and adds nothing.

The decoder's sentences describe intervals of a video. A small language model makes one fluent sentence or a summary
of them. It is given those sentences only, never pictures, and decodes greedily: the same sentences give the same
text. It needs the extra `voice` and a GGUF file of your own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from indexes.reasons import reason
from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.user_paths import is_endless, user_path

MAX_SENTENCES = 60  # of one text: more are sampled evenly, so that they fit a small model's context
_MAX_KEPT = 16 * MAX_SENTENCES  # sentences kept of a stream
LINE_TOKENS, SUMMARY_TOKENS = 60, 200

_ROLE = "You retell notes about a video in plain English. Say only what the notes say. Add nothing."
_LINE = "Retell all of these notes in one sentence."
_SUMMARY = "Retell these notes in order, in a short paragraph."


class Narrator:
    """A language model that rewrites sentences. The file is loaded when it is first used."""

    def __init__(self, path: Path | str) -> None:
        """`path`: a GGUF file. Raises UsageError if it is not one, ModelError without the extra `voice`."""
        self.path = user_path(path)
        if is_endless(path):
            raise UsageError(f"{path}: is not a regular file")
        try:
            with self.path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({reason(error)})") from error
        if magic != b"GGUF":
            raise UsageError(f"{path}: is not a language model in GGUF format")
        _runtime()

    def line(self, sentences: Sequence[str]) -> str:
        """One sentence for the decoded sentences of an interval; "" for none."""
        text = self._tell(_LINE, sentences, LINE_TOKENS)
        first = text.split("\n", 1)[0].strip()
        end = min((at for mark in ".!?" if (at := first.find(f"{mark} ")) >= 0), default=len(first))
        return first[: end + 1]

    def summary(self, sentences: Sequence[str]) -> str:
        """A paragraph for the decoded sentences of a whole video, in order of time; "" for none."""
        text = " ".join(self._tell(_SUMMARY, sentences, SUMMARY_TOKENS).split())
        return _without_repeats(text)

    def _tell(self, task: str, sentences: Sequence[str], tokens: int) -> str:
        if not sentences:
            return ""
        genai = _runtime()
        config = genai.GenerationConfig()
        config.max_new_tokens, config.do_sample, config.repetition_penalty = tokens, False, 1.1
        messages = [
            {"role": "system", "content": _ROLE},
            {"role": "user", "content": f"{task}\n{notes(sentences)}"},
        ]
        prompt = self._pipeline.get_tokenizer().apply_chat_template(messages, add_generation_prompt=True)
        # The template has the marks that begin a text already; a second set would confuse the model.
        config.apply_chat_template = False
        return str(self._pipeline.generate(prompt, config)).strip()

    @cached_property
    def _pipeline(self) -> Any:
        try:
            return _runtime().LLMPipeline(str(self.path), "CPU")
        except RuntimeError as error:
            reason = (str(error).strip().splitlines() or ["unknown reason"])[-1]
            raise ModelError(f"{self.path}: the language model cannot be loaded ({reason})") from error


def _without_repeats(text: str) -> str:
    """Each sentence once, and none that the limit of tokens has cut off: small models repeat themselves."""
    told = dict.fromkeys(re.split(r"(?<=[.!?])\s+", text))
    whole = [sentence for sentence in told if sentence.endswith((".", "!", "?"))]
    return " ".join(whole or told)


class SentenceLog:
    """The sentences of a stream in order of time, for a summary; of too many, every other one is dropped."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self._step = 1  # one of so many changes is kept
        self._changes = 0
        self._last: str | None = None

    def add(self, text: str) -> None:
        """Take the next sentence."""
        if text == self._last:
            return
        self._last = text
        if self._changes % self._step == 0:
            self.sentences.append(text)
            if len(self.sentences) > _MAX_KEPT:
                del self.sentences[1::2]
                self._step *= 2
        self._changes += 1


def notes(sentences: Sequence[str]) -> str:
    """Sentences as lines for the model: repeated neighbours once, and no more than fit."""
    changes = [text for at, text in enumerate(sentences) if at == 0 or text != sentences[at - 1]]
    step = max(1.0, len(changes) / MAX_SENTENCES)
    kept = [changes[int(at * step)] for at in range(min(len(changes), MAX_SENTENCES))]
    return "\n".join(f"- {text}" for text in kept)


def _runtime() -> Any:
    try:
        import openvino_genai

        from jepa_retrieval.models.runtime import private_openvino  # noqa: F401 - no reports of use
    except ImportError as error:
        raise ModelError("the narrator needs openvino-genai: pip install 'jepa-retrieval[voice]'") from error
    return openvino_genai
