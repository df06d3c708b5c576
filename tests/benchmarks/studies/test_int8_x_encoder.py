"""The correction of tokens from a quantised X-Encoder."""

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.studies.int8_x_encoder import corrected, time_in_turns


def test_channels_that_are_scaled_and_moved_are_put_right() -> None:
    random = np.random.default_rng(0)
    exact, scale, shift = random.normal(size=(50, 6)), random.uniform(0.5, 2, 6), random.normal(size=6)
    wrong = exact * scale + shift
    assert np.allclose(corrected(wrong[40:], wrong[:40], exact[:40]), exact[40:])


def test_a_channel_that_never_changes_becomes_what_it_was() -> None:
    exact, wrong = np.full((4, 1), 3.0), np.full((4, 1), 5.0)
    assert np.allclose(corrected(wrong, wrong, exact), exact)


def test_every_encoder_has_a_time_for_every_round() -> None:
    encoders = {"one": lambda frames: frames, "other": lambda frames: frames * 2}
    times = time_in_turns(encoders, np.zeros((2, 1)), rounds=3)
    assert {name: len(found) for name, found in times.items()} == {"one": 3, "other": 3}
