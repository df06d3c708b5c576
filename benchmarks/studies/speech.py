"""How well is speech recognised and found, and what does it cost beside faster-whisper alone?

    python -m benchmarks.studies.speech [--speech-model whisper:tiny.en] [--recordings FOLDER]

Forty made sentences (espeak-ng), two seconds apart, clean and in white noise at 10 dB: word error rate; how many of
the sentences' first and middle words have a time within a second of where they are said; and the time for all, with
faster-whisper alone on the same samples with its own defaults for words with times and voice activity detection.
Runs take turns, and the median of each is reported. At the end, an hour of noise too faint to hear.

With --recordings only the sound files of that folder are recognised, and compared with the texts beside them (a.wav
with a.txt).
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.shared.common import print_table, save_result, timed
from benchmarks.shared.made_speech import RATE, SENTENCES, in_noise, speak
from jepa_retrieval.models.speech import DEFAULT_SPEECH_MODEL, WhisperRecogniser, Word, open_recogniser
from jepa_retrieval.tasks.encoding.listening import transcribe_file

PAUSE = 2.0  # seconds between sentences
NOISE = 10.0  # dB
MAX_ERROR = 1.0  # seconds between where a word is said and where it is found


def main() -> None:
    """Recognise, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speech-model", default=DEFAULT_SPEECH_MODEL)
    parser.add_argument("--turns", type=int, default=3, help="how often times are measured")
    parser.add_argument("--recordings", type=Path, help="a folder of sound files with their texts")
    options = parser.parse_args()
    recogniser = open_recogniser(options.speech_model)
    assert isinstance(recogniser, WhisperRecogniser)
    if options.recordings is not None:
        _of_recordings(recogniser, options.recordings)
        return
    sound, begins = _all_sentences()
    rows: list[list[str]] = []
    for name, samples in (("clean", sound), (f"noise at {NOISE:g} dB", in_noise(sound, NOISE))):
        ours, alone = _take_turns(recogniser, samples, options.turns)
        words = recogniser.recognise(samples).words
        spoken = [word for sentence in SENTENCES for word in plain_words(sentence)]
        heard = [text for word in words for text in plain_words(word.text)]
        rows.append(
            [
                name,
                f"{100 * edit_distance(spoken, heard) / len(spoken):.1f}%",
                f"{100 * _in_time(words, begins):.0f}%",
                f"{len(samples) / RATE / ours:.1f}",
                f"{ours / alone:.2f}",
            ]
        )
    print_table(["sound", "word error rate", "within 1 s", "times real time", "time / faster-whisper"], rows)
    seconds, words_of_silence = _an_hour_of_silence(recogniser)
    print(f"an hour of the faintest noise: {words_of_silence} words, {seconds:.1f} s of processor time")
    result = {"model": options.speech_model, "rows": rows, "silence": [words_of_silence, seconds]}
    print(save_result("speech", result))


def _of_recordings(recogniser: WhisperRecogniser, folder: Path) -> None:
    """Print the word error rate of each file, and of all."""
    rows, wrong, total = [], 0, 0
    for text in sorted(folder.glob("*.txt")):
        (sound,) = (path for path in folder.glob(f"{text.stem}.*") if path != text)
        transcript, _ = transcribe_file(sound, recogniser)
        heard = [word for line in transcript.lines for word in plain_words(line.text)]
        spoken = plain_words(text.read_text("utf-8"))
        errors = edit_distance(spoken, heard)
        rows.append([sound.name, str(len(spoken)), f"{100 * errors / len(spoken):.1f}%"])
        wrong, total = wrong + errors, total + len(spoken)
    rows.append(["all", str(total), f"{100 * wrong / max(1, total):.1f}%"])
    print_table(["recording", "words", "word error rate"], rows)
    print(save_result("speech_recordings", {"model": recogniser.name, "rows": rows}))


def _an_hour_of_silence(recogniser: WhisperRecogniser) -> tuple[float, int]:
    """Seconds of processor time, and words that are made up, in noise of the least level that is listened to."""
    noise = np.random.default_rng(0).integers(-1, 2, 3600 * RATE, np.int16)
    began = time.process_time()
    words = recogniser.recognise(noise).words
    return time.process_time() - began, len(words)


def plain_words(text: str) -> list[str]:
    """The words of a text in lower case without punctuation."""
    return re.findall(r"[a-z']+", text.lower())


def edit_distance(wanted: Sequence[str], found: Sequence[str]) -> int:
    """How many words have to be replaced, added or left out (Levenshtein 1966)."""
    row = np.arange(len(found) + 1)
    for number, word in enumerate(wanted, start=1):
        before, row = row, np.empty_like(row)
        row[0] = number
        for at, other in enumerate(found):
            row[at + 1] = min(row[at] + 1, before[at + 1] + 1, before[at] + (word != other))
    return int(row[-1])


def _all_sentences() -> tuple[np.ndarray, list[tuple[float, float]]]:
    """All sentences as one sound, int16 [n], and when each begins and ends, in seconds."""
    pieces, times, at = [], [], 0
    for sentence in SENTENCES:
        voice = speak(sentence)
        times.append((at / RATE, (at + len(voice)) / RATE))
        pieces += [voice, np.zeros(round(PAUSE * RATE), np.int16)]
        at += len(pieces[-2]) + len(pieces[-1])
    return np.concatenate(pieces), times


def _in_time(words: Sequence[Word], times: Sequence[tuple[float, float]]) -> float:
    """The share of sentences of which a recognised word of them begins within a second of the sentence's begin."""
    hits = 0
    for sentence, (start, end) in zip(SENTENCES, times, strict=True):
        wanted = plain_words(sentence)
        here = [word for word in words if start - MAX_ERROR <= word.start <= end + MAX_ERROR]
        first = next((word for word in here if set(plain_words(word.text)) & set(wanted)), None)
        hits += first is not None and abs(first.start - start) <= MAX_ERROR
    return hits / len(SENTENCES)


def _take_turns(recogniser: WhisperRecogniser, samples: np.ndarray, turns: int) -> tuple[float, float]:
    """Median seconds of this package and of faster-whisper alone."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(recogniser.folder), device="cpu", compute_type="int8", local_files_only=True)

    def alone() -> None:
        sound = samples.astype(np.float32) / 32768
        list(model.transcribe(sound, vad_filter=True, word_timestamps=True)[0])

    def ours() -> None:
        recogniser.recognise(samples)

    ours()  # loads the model
    seconds: dict[Callable[[], None], list[float]] = {ours: [], alone: []}
    for _ in range(turns):
        for run, measured in seconds.items():
            with timed() as timer:
                run()
            measured.append(timer.seconds)
    return statistics.median(seconds[ours]), statistics.median(seconds[alone])


if __name__ == "__main__":
    main()
