"""Speech recognition with the real small model."""

from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models import speech
from jepa_retrieval.models.registry import fetch_model, model_needs
from jepa_retrieval.models.speech import Recogniser, open_recogniser
from tests.spoken import RATE, needs_voice, say

pytest.importorskip("faster_whisper", reason="the extra 'speech' is not installed")


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return open_recogniser()


@needs_voice
def test_words_come_with_their_times(recogniser: Recogniser, tmp_path: Path) -> None:
    sound = say([(3.0, "The small dog barks at the postman."), (9.0, "Rain is falling.")], tmp_path)
    done: list[float] = []
    found = recogniser.recognise(sound, on_progress=done.append)
    when = {word.text.strip(" .,").lower(): word.start for word in found.words}
    assert abs(when["dog"] - 3.7) < 1 and abs(when["rain"] - 9.0) < 1
    assert found.language == "en" and done[-1] == len(sound) / RATE
    assert all(a.end <= b.start for a, b in zip(found.words, found.words[1:], strict=False))


@needs_voice
def test_long_sound_is_recognised_in_blocks_without_a_seam(
    recogniser: Recogniser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        (0.0, "The ship leaves the harbour in the morning, and nobody is there to see it."),
        (7.0, "The small dog barks at the postman, because he does not know him."),
        (13.0, "The winter was very cold, and there was snow on the mountain."),
    ]
    monkeypatch.setattr(speech, "BLOCK_SECONDS", 9.0)  # ends inside of the second line
    found = recogniser.recognise(say(lines, tmp_path), on_progress=None).words
    when = [(word.text.strip(" .,").lower(), word.start) for word in found]
    for wanted, time in (("ship", 0.3), ("dog", 7.6), ("postman", 8.8), ("mountain", 16.2)):
        (start,) = (start for text, start in when if text == wanted)
        assert abs(start - time) < 1


@pytest.mark.parametrize("kind", ["silence", "an hour of silence", "noise", "tone", "nothing"])
def test_no_words_are_invented(recogniser: Recogniser, kind: str) -> None:
    times = np.arange(20 * RATE) / RATE
    sounds = {
        "silence": np.zeros(20 * RATE),
        "an hour of silence": np.zeros(3600 * RATE, np.int16),
        "noise": np.random.default_rng(1).normal(0, 1500, 20 * RATE),
        "tone": 8000 * np.sin(times * 2 * np.pi * 440),
        "nothing": np.zeros(0),
    }
    found = recogniser.recognise(sounds[kind].astype(np.int16), on_progress=None)
    assert found.words == () and found.language is None


def test_names_of_models() -> None:
    (need,) = model_needs("whisper:small")
    assert need.repository.name == "Systran/faster-whisper-small" and "model.bin" in need.files
    assert model_needs("whisper:tiny.en") == [] and fetch_model("whisper:tiny.en") is False
    for name in ("whisper:huge", "tiny.en", "whisper:"):
        with pytest.raises(ModelError, match=r"unknown model for speech .*whisper:tiny\.en"):
            open_recogniser(name)


def test_a_model_that_is_not_here_is_an_error_that_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="jepa models fetch whisper:small"):
        open_recogniser("whisper:small")
    with pytest.raises(ModelError, match=r"no config\.json"):
        open_recogniser(f"whisper:local:{tmp_path}/x")


def test_damaged_weights_are_an_error_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in ("config.json", "model.bin", "tokenizer.json"):
        (tmp_path / "model" / name).write_bytes(b"{}")
    damaged = open_recogniser(f"whisper:local:{tmp_path}/model")
    with pytest.raises(ModelError, match="cannot be loaded"):
        damaged.recognise(np.ones(RATE, np.int16), on_progress=None)
