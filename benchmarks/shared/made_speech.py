"""Made speech: sentences that espeak-ng says, clean or in noise."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np

RATE = 16_000  # samples a second

SENTENCES = (
    "The red balloon flew over the harbor while the fishermen were mending their nets.",
    "Nobody noticed the small dog on the pier.",
    "My grandmother baked a chocolate cake for the wedding of my brother.",
    "The train to the mountains leaves at seven in the morning.",
    "We planted apple trees behind the old wooden barn.",
    "A storm is coming, so please close all the windows.",
    "The teacher explained how volcanoes are formed.",
    "Two children were building a castle of sand on the beach.",
    "The doctor told him to drink more water and sleep well.",
    "Our neighbor plays the piano every evening after dinner.",
    "The museum shows paintings from the eighteenth century.",
    "She lost her keys somewhere between the office and the station.",
    "The farmer sold three horses at the market on Sunday.",
    "Turn left at the church and follow the river to the bridge.",
    "The new engine uses less fuel than the old one.",
    "They danced in the kitchen until the sun came up.",
    "The lawyer asked the witness a difficult question.",
    "A white cat was sleeping on the warm roof of the car.",
    "The orchestra practiced the symphony for three weeks.",
    "Please bring a blanket and a bottle of wine to the picnic.",
    "The astronauts repaired the telescope outside of the station.",
    "He painted the fence green because his wife likes the color.",
    "The soup needs more salt and a little black pepper.",
    "The mayor opened the new library in front of a large crowd.",
    "My sister is learning to ride a motorcycle.",
    "The wolf disappeared into the forest before the hunters arrived.",
    "Our flight was cancelled because of heavy snow in Chicago.",
    "The players celebrated the final goal with their fans.",
    "The carpenter measured the table twice and cut the wood once.",
    "Butterflies were sitting on the purple flowers in the garden.",
    "The company will build a factory in the north of the country.",
    "He found an ancient coin at the bottom of the lake.",
    "The nurse smiled and opened the curtains of the room.",
    "Thousands of people marched through the city for peace.",
    "The bakery on the corner sells the best bread in town.",
    "A helicopter rescued the climbers from the glacier.",
    "The computer restarted in the middle of the presentation.",
    "The old captain told stories about pirates and treasure.",
    "She writes a letter to her daughter every month.",
    "The elephant carried a heavy log across the river.",
)


def speak(text: str) -> np.ndarray:
    """A sentence as sound, int16 [n]; the script ends without espeak-ng."""
    program = shutil.which("espeak-ng") or sys.exit(
        "espeak-ng is not installed (Debian: apt install espeak-ng)"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "voice.wav"
        subprocess.run([program, "-v", "en-us", "-s", "150", "-w", file, text], check=True)
        with wave.open(str(file)) as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
            rate = sound.getframerate()
    times = np.arange(0, len(samples) / rate, 1 / RATE)
    return np.interp(times, np.arange(len(samples)) / rate, samples).astype(np.int16)


def in_noise(sound: np.ndarray, decibels: float, *, seed: int = 0) -> np.ndarray:
    """Sound with white noise, at a ratio of signal to noise over the whole; int16 [n]."""
    signal = sound.astype(np.float64)
    level = np.sqrt((signal**2).mean() / 10 ** (decibels / 10))
    noisy = signal + np.random.default_rng(seed).normal(0, level, len(signal))
    return noisy.clip(-32768, 32767).astype(np.int16)
