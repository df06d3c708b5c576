"""Surprise, anticipation and plans on videos and indexes whose states are colours or axes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from indexes import ClipRecord, Index, MediaRecord
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import content_hash, read_windows
from jepa_retrieval.models.config.dynamics import DynamicsConfig
from jepa_retrieval.models.dynamics_files import LEVELS, DynamicsCalibration, Projection, save_dynamics
from jepa_retrieval.models.modules.dynamics import Dynamics
from jepa_retrieval.tasks.encoding.files import decode_request
from jepa_retrieval.tasks.foreseeing.anticipate import anticipate
from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics
from jepa_retrieval.tasks.foreseeing.plan import plan
from jepa_retrieval.tasks.foreseeing.states import stored_states
from jepa_retrieval.tasks.foreseeing.surprise import (
    robust_z,
    score_states,
    surprise_of_file,
    surprise_of_index,
)
from tests.jepa_retrieval.tasks.colour_model import ColourModel
from tests.jepa_retrieval.tasks.conftest import AXES, HandModel, MakeIndex
from tests.media_factory import BLUE, GREEN, RED, join_recordings, make_picture, make_video


def nothing_changes(path: Path, size: int, *, fingerprint: str, unrelated: float) -> Path:
    """Dynamics that expect every state to stay, and small errors."""
    torch.manual_seed(0)
    config = DynamicsConfig(token_size=size, state_size=size, width=16, heads=2, mlp_width=16, context=4)
    module = Dynamics(config)
    with torch.no_grad():
        module.share.bias.fill_(-30.0)
        module.error.bias.fill_(-2.0)
    projection = Projection(
        np.zeros(size, np.float32), np.ones(size, np.float32), np.eye(size, dtype=np.float32)
    )
    calibration = DynamicsCalibration((1.0,), (LEVELS, LEVELS), unrelated, 0.05, 10, 0.5)
    save_dynamics(path, module, config, projection, calibration, fingerprint=fingerprint)
    return path


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    return nothing_changes(tmp_path / "d.safetensors", 3, fingerprint="colours", unrelated=1000.0)


def test_the_window_where_the_colour_changes_is_the_surprise(tmp_path: Path, colours: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=12.0, scenes=[RED, RED, BLUE])
    model = ColourModel()
    found = surprise_of_file(video, model, open_dynamics(model, path=colours), top=1)
    assert [(one.start, one.end) for one in found.surprises] == [(8.0, 8.5)]
    assert found.surprises[0].raw > 50 and found.surprises[0].z > 3
    assert len(found.curve) == 24 and found.curve[0] == (0.0, None)
    assert (found.cuts, found.flashes) == ([], [])


def test_a_cut_is_no_surprise(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=12.0, scenes=[RED, RED, BLUE])
    model = ColourModel()
    path = nothing_changes(tmp_path / "cuts.safetensors", 3, fingerprint="colours", unrelated=60.0)
    found = surprise_of_file(video, model, open_dynamics(model, path=path))
    assert (found.surprises, found.cuts) == ([], [8.0])
    assert [time for time, z in found.curve if z is None] == [0.0, 8.0]


def test_a_picture_has_no_states(tmp_path: Path, colours: Path) -> None:
    make_picture(tmp_path / "a.png", colour=RED)
    model = ColourModel()
    with pytest.raises(UsageError, match="is a picture"):
        surprise_of_file(tmp_path / "a.png", model, open_dynamics(model, path=colours))


@pytest.fixture
def cut_off(tmp_path: Path) -> Path:
    """A video whose header states 16 seconds, of which a part is there."""
    fast = {"container_options": {"movflags": "faststart"}, "gop": 25}
    path = make_video(tmp_path / "cut.mp4", seconds=16.0, scenes=[GREEN, RED], **fast)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    return path


def test_a_cut_off_video_is_partial_and_ends_where_its_pictures_do(cut_off: Path, colours: Path) -> None:
    model = ColourModel()
    dynamics = open_dynamics(model, path=colours)
    (reached,) = {window.end for window in list(read_windows(decode_request(cut_off, model)))[-1:]}
    ahead = anticipate(cut_off, model, dynamics, horizons=[1])
    assert reached < 12 and ahead.at == pytest.approx(reached, abs=0.01)
    assert ahead.partial is not None and "is cut off" in ahead.partial
    past = surprise_of_file(cut_off, model, dynamics)
    assert past.partial == ahead.partial and past.curve[-1][0] < reached
    assert anticipate(cut_off, model, dynamics, at=1.0, horizons=[1]).partial is None
    with pytest.raises(UsageError, match=r"cut\.mp4: 15 s lies after its end.*is cut off"):
        anticipate(cut_off, model, dynamics, at=15.0)


def test_a_damaged_packet_is_told(tmp_path: Path, colours: Path) -> None:
    video = make_video(tmp_path / "a.ts", seconds=6.0, size=(320, 240), gop=25)
    data = video.read_bytes()
    lost = len(data) // 188 * 95 // 100 * 188
    video.write_bytes(data[:lost] + data[lost + 188 :])  # one packet of the transport stream
    model = ColourModel()
    dynamics = open_dynamics(model, path=colours)
    for found in (surprise_of_file(video, model, dynamics), anticipate(video, model, dynamics, horizons=[1])):
        assert (found.partial, found.warnings) == (None, ("1 packet is damaged",))


def test_a_clock_that_restarts_has_one_end(tmp_path: Path, colours: Path) -> None:
    video = join_recordings(tmp_path / "a.ts", scenes=[(GREEN, 0.0), (RED, 0.0)], seconds=4.0)
    model = ColourModel()
    labels = ["red", "green"]
    found = anticipate(video, model, open_dynamics(model, path=colours), labels=labels, horizons=[1])
    assert found.at == pytest.approx(8.0, abs=0.2) and found.partial is None
    assert found.horizons[0].labels[0].name == "red"
    past = surprise_of_file(video, model, open_dynamics(model, path=colours))
    assert past.curve[-1][0] == pytest.approx(found.at - 0.5, abs=0.5)


def test_what_is_foreseen_has_labels_a_sentence_and_how_sure(tmp_path: Path, colours: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=8.0, scenes=[GREEN, RED])
    model = ColourModel()
    dynamics = open_dynamics(model, path=colours)
    found = anticipate(video, model, dynamics, labels=["red", "green"], horizons=[1, 30], top=1)
    assert found.at == pytest.approx(8.0, abs=0.1)
    near, far = found.horizons
    assert [near.labels[0].name, far.labels[0].name] == ["red", "red"]
    assert near.text == "The picture is red." and near.change == pytest.approx(1.0)
    assert 0 <= far.confidence < near.confidence <= 1
    early = anticipate(video, model, dynamics, at=3.0, labels=["red", "green"], horizons=[1])
    assert early.horizons[0].labels[0].name == "green"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizons": []}, "horizons"),
        ({"horizons": [0]}, "horizons"),
        ({"at": 0.0}, "at must be"),
        ({"top": 0}, "top"),
        ({"top": 1.5}, "top must be a whole number of at least 1, not 1.5"),
    ],
)
def test_arguments_out_of_range(
    tmp_path: Path, colours: Path, arguments: dict[str, object], message: str
) -> None:
    model = ColourModel()
    with pytest.raises(UsageError, match=message):
        anticipate(tmp_path / "a.mp4", model, open_dynamics(model, path=colours), **arguments)  # type: ignore[arg-type]


def test_dynamics_of_another_model_are_refused(tmp_path: Path, colours: Path) -> None:
    with pytest.raises(UsageError, match="another model"):
        open_dynamics(HandModel(), path=colours)
    with pytest.raises(UsageError, match="jepa train dynamics"):
        open_dynamics(HandModel())


LONG = [(2.0 * row, 2.0 * row + 2, ("dog",)) for row in range(8)]


@pytest.fixture
def pets(tmp_path: Path, make_index: MakeIndex) -> Index:
    odd = [*LONG[:5], (10.0, 12.0, ("dog", "car")), *LONG[6:]]
    return make_index({"calm.mp4": LONG, "odd.mp4": odd, "still.png": [(None, None, ("cat",))]})


@pytest.fixture
def axes(tmp_path: Path, pets: Index) -> Path:
    return nothing_changes(
        tmp_path / "index" / "dynamics.safetensors", len(AXES), fingerprint="f", unrelated=10.0
    )


def test_the_unusual_clip_of_an_index_comes_first(pets: Index, axes: Path, model: HandModel) -> None:
    found = surprise_of_index(pets, open_dynamics(model, index=pets), top=5)
    assert found.clips == 14  # all but the first of each video; an image has no state before it
    assert {(one.path, one.start) for one in found.surprises} == {("odd.mp4", 10.0), ("odd.mp4", 12.0)}
    calm = surprise_of_index(pets, open_dynamics(model, index=pets), where="path = 'calm.mp4'")
    assert (calm.surprises, calm.clips) == ([], 7)


def test_states_of_an_index_are_in_order_of_time(pets: Index) -> None:
    stored = stored_states(pets)
    assert [one.path for one in stored] == ["calm.mp4", "odd.mp4"]
    assert (np.diff(stored[1].times[:, 0]) > 0).all()


def test_an_index_without_tokens_says_what_to_do(make_index: MakeIndex) -> None:
    with pytest.raises(UsageError, match="--tokens"):
        stored_states(make_index({"a.mp4": LONG}, tokens=False))


def test_dynamics_of_an_earlier_index_are_refused(pets: Index, tmp_path: Path, model: HandModel) -> None:
    nothing_changes(tmp_path / "index" / "dynamics.safetensors", 6, fingerprint="older", unrelated=1.0)
    with pytest.raises(UsageError, match="train it again"):
        open_dynamics(model, index=pets)


def test_a_plan_leads_from_one_picture_to_the_other(
    tmp_path: Path, make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HandModel()
    index = make_index(
        {
            "dogs.mp4": [(0.0, 2.0, ("dog",))],
            "both.mp4": [(0.0, 2.0, ("dog", "cat"))],
            "cats.mp4": [(0.0, 2.0, ("cat",))],
            "cars.mp4": [(0.0, 2.0, ("car",))],
        }
    )
    path = nothing_changes(tmp_path / "d.safetensors", len(AXES), fingerprint="f", unrelated=10.0)
    seen = {"a.png": ("dog",), "b.png": ("cat",)}
    module = "jepa_retrieval.tasks.foreseeing.plan"

    def encode(path: Path, *_: object, **__: object) -> tuple[np.ndarray, None]:
        return unit_of(seen[path.name]), None

    monkeypatch.setattr(f"{module}.encode_interval", encode)
    monkeypatch.setattr(f"{module}.change_window", lambda *_: None)
    monkeypatch.setattr(f"{module}.encode_windows", lambda *_, **__: (unit_of(("dog", "cat")), None))
    dynamics = open_dynamics(model, index=index, path=path)
    found = plan("a.png", "b.png", index, model, dynamics, steps=3)
    assert [step.path for step in found.steps] == ["dogs.mp4", "both.mp4", "cats.mp4"]
    assert found.arrival == pytest.approx(1.0, abs=1e-3)
    (only,) = plan("a.png", "b.png", index, model, dynamics, steps=1).steps
    assert only.path == "both.mp4"
    with pytest.raises(UsageError, match="fewer clips"):
        plan("a.png", "b.png", index, model, dynamics, steps=5)
    # A copy of a picture that it leads from or to is no step.
    make_picture(tmp_path / "a.png")
    digest = content_hash(tmp_path / "a.png")
    with index.writer() as writer:
        for name, kind in (("copy.png", "image"), ("other.mp4", "video")):
            tokens = np.tile(unit_of(("dog",)), (2, 1)).astype(np.float16)
            clip = ClipRecord(0.0, 2.0, unit_of(("dog",)), tokens=tokens)
            size = (tmp_path / "a.png").stat().st_size
            writer.put(MediaRecord(name, size, 1, content_hash=digest, kind=kind), [clip])  # type: ignore[arg-type]
    paths = [step.path for step in plan(tmp_path / "a.png", "b.png", index, model, dynamics, steps=5).steps]
    assert sorted(paths) == ["both.mp4", "cars.mp4", "cats.mp4", "dogs.mp4", "other.mp4"]


def unit_of(parts: tuple[str, ...]) -> np.ndarray:
    from tests.jepa_retrieval.tasks.conftest import unit

    return unit(*parts)


def test_scores_leave_out_flashes(colours: Path) -> None:
    states = np.zeros((9, 3), np.float32)
    states[4] = 900.0
    times = np.stack([np.arange(9), np.arange(9) + 1.0], axis=1)
    scores = score_states(states, times, open_dynamics(ColourModel(), path=colours))
    assert scores.flashes == [4] and np.isnan(scores.raw[4])
    assert np.nanmax(scores.raw) == pytest.approx(0.0, abs=1e-6)


def test_robust_z_ignores_what_was_not_predicted() -> None:
    z = robust_z(np.array([np.nan, 1.0, 1.0, 1.1, 0.9, 5.0], np.float32))
    assert np.isnan(z[0]) and z[5] > 20 and abs(z[1]) < 1e-6
    assert np.isnan(robust_z(np.array([np.nan], np.float32))).all()
