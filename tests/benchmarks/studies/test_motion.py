"""Questions about motion: what is asked, and what can be answered from tokens in order and not from their mean."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.studies import motion  # noqa: E402 - needs PyTorch
from benchmarks.studies.motion import FRAMES, MOVES, READ, accuracy, ask, camera  # noqa: E402 - needs PyTorch

pytestmark = pytest.mark.usefixtures("one_thread")


def picture() -> np.ndarray:
    """Brighter to the right, greener to the bottom, and blue in the middle."""
    across, down = np.meshgrid(np.linspace(0, 255, 64), np.linspace(0, 255, 64))
    middle = 255 - np.hypot(across - 127, down - 127)
    return np.stack([across, down, middle], axis=-1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("move", "channel", "rises"),
    [(0, 0, False), (1, 0, True), (2, 1, False), (3, 1, True), (4, 2, True), (5, 2, False)],
)
def test_a_camera_moves_as_it_is_named(move: int, channel: int, rises: bool) -> None:
    frames = camera(picture(), MOVES[move], 32, np.random.default_rng(0)).astype(float)
    assert frames.shape == (FRAMES, 32, 32, 3)
    change = frames[-1, ..., channel].mean() - frames[0, ..., channel].mean()
    assert change > 5 if rises else change < -5


def test_backwards_is_the_same_frames_in_reverse_and_frozen_is_one_frame() -> None:
    clips = torch.randn(3, READ, 2, 4)
    asked = ask(clips, torch.randn(3, FRAMES, 2, 4), torch.randn(3, 3, FRAMES, 2, 4))
    tokens, labels, owners = asked["order"]
    assert torch.equal(tokens[labels == 1], tokens[labels == 0].flip(1))
    assert owners.tolist() == [0, 1, 2, 0, 1, 2]
    tokens, labels, _ = asked["motion"]
    assert torch.equal(tokens[labels == 2][:, 0], tokens[labels == 2][:, -1])
    tokens, labels, _ = asked["camera"]
    assert torch.equal(tokens[labels == 1], tokens[labels == 0].flip(1))


def test_order_is_told_by_the_temporal_head_and_not_by_the_mean_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(motion, "STEPS", 20)
    monkeypatch.setattr(motion, "FOLDS", 2)
    random = torch.Generator().manual_seed(0)
    rising = torch.linspace(-2, 2, FRAMES)[None, :, None, None].expand(20, -1, 1, 70)
    forward = rising + 0.3 * torch.randn(20, FRAMES, 1, 70, generator=random)
    tokens = torch.cat([forward, forward.flip(1)])
    data = (tokens, torch.arange(2).repeat_interleave(20), torch.arange(20).repeat(2))
    assert accuracy("temporal head", data, 0) > 80
    assert accuracy("mean token", data, 0) == pytest.approx(50, abs=5)
