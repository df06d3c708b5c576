"""Surprises in a stream: alerts when what comes differs from what the scene led one to expect.

The stream's first minutes teach what is normal. From then on two pictures of every window are compared: the cells of
the second with what is foreseen from the first. A surprise lasts for two windows or more, so that one odd picture is
none, and it does not begin where most of the picture changes at once: that is a cut, a flash or a shaken camera.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes.reasons import reason
from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.media.streams.types import StreamRequest
from jepa_retrieval.media.types import MediaWindow
from jepa_retrieval.models.cache import cache_root
from jepa_retrieval.models.fingerprint import fingerprint_of_x_encoder
from jepa_retrieval.models.parts import Model
from jepa_retrieval.user_paths import link_target

if TYPE_CHECKING:
    from jepa_retrieval.models.runtime.scene import PairScore

logger = logging.getLogger(__name__)

DEFAULT_MIN_Z = 5.0
DEFAULT_LEARN = 600.0  # seconds
MAX_LEARN = 7 * 86400.0
PICTURES = 2  # of a window, which are compared
SAVE_EVERY = 300.0  # seconds of the stream
_RELEASE = 0.6  # share of the minimum z below which it must fall before the next alert
_REST = 4  # windows after a cut in which no surprise begins
_CALM = 20  # windows without surprise after which a scene that followed a cut counts as known
_NEW_NORMAL = 600  # windows after which what goes on is no longer news but normal


@dataclass(frozen=True, slots=True)
class SurpriseOptions:
    """How to watch for surprises.

    Attributes:
        min_z: robust z-score of the scene's surprise from which on an alert is fired.
        learn: seconds of the stream that teach what is normal, before the first alert.
        scene: file that keeps what was learnt; None: one in the user's cache, named after the source.
    """

    min_z: float = DEFAULT_MIN_Z
    learn: float = DEFAULT_LEARN
    scene: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < self.min_z < float("inf"):
            raise UsageError(f"the z-score of a surprise must be above 0, not {self.min_z:g}")
        if not 0 < self.learn <= MAX_LEARN:
            raise UsageError(f"learn must be above 0 and at most {MAX_LEARN:g} seconds, not {self.learn:g}")


@dataclass(frozen=True, slots=True)
class StreamSurprise:
    """What came was not foreseen."""

    start: float  # seconds: of the windows that it was seen in first
    end: float
    z: float  # robust z-score among the scene's normal windows


class SurpriseGate:
    """Decides which scores are reported: once for each surprise, and none because of a cut, a flash or a shake.

    Args:
        min_z: see `SurpriseOptions`.
    """

    def __init__(self, min_z: float) -> None:
        self._min_z = min_z
        self._before: PairScore | None = None
        self._before_start = 0.0
        self._firing = 0  # windows for which the surprise has gone on
        self._rest = 0
        self._strange = False  # a cut led to what is not known
        self._calm = 0

    def push(self, start: float, end: float, score: PairScore) -> StreamSurprise | None:
        """Take the next window's score; return the surprise that begins with it."""
        before, began = self._before, self._before_start
        self._before, self._before_start = score, start
        high = score.z >= _RELEASE * self._min_z
        self._rest = _REST if score.disturbed else max(0, self._rest - 1)
        self._calm = 0 if high else self._calm + 1
        follows = bool(self._rest) and not score.disturbed
        self._strange = (self._strange or (follows and score.z >= self._min_z)) and self._calm < _CALM
        z = score.z if before is None else min(score.z, before.z)
        begins = z >= self._min_z and before is not None and not self._firing
        self._firing = self._firing + 1 if begins or (self._firing and high) else 0
        if not begins or self._rest or self._strange:
            return None
        return StreamSurprise(began, end, z)

    def normal(self, score: PairScore) -> bool:
        """Whether a score, the last one pushed, is to count as normal: low ones, and what goes on for long."""
        return not score.disturbed and (score.z < self._min_z or self._firing > _NEW_NORMAL)

    def gap(self) -> None:
        """The stream was interrupted: what comes is not compared with what was before."""
        self._before = None
        self._rest = _REST


class SurpriseWatch:
    """Learns what is normal in a stream, and reports what is not.

    Args:
        model: whose X-Encoder's early feature maps make the cells.
        source: name of the stream, to which what was learnt belongs.
        rate: windows per second.
        options: how.

    Raises:
        UsageError: the model has no early feature maps, or the scene was learnt with another one or at another rate.
        ModelError: the file of the scene is damaged.
    """

    def __init__(self, model: Model, source: str, rate: float, options: SurpriseOptions) -> None:
        from jepa_retrieval.models.runtime.cells import GraphCells
        from jepa_retrieval.models.runtime.model import RuntimeModel
        from jepa_retrieval.models.runtime.scene import SceneLearner
        from jepa_retrieval.models.runtime.scene_files import load_scene

        if not isinstance(model, RuntimeModel):
            raise UsageError(
                f"{model.name} has no early feature maps: surprises in a stream need them; nano has"
            )
        self._encoder = GraphCells(model)
        self._fingerprint = fingerprint_of_x_encoder(model.config)
        self._rate = rate
        self._gate = SurpriseGate(options.min_z)
        self.path = options.scene or _default_path(source, self._fingerprint, rate)
        known = None
        if self.path.is_file():
            known = load_scene(self.path, fingerprint=self._fingerprint, rate=rate)
        self._learner = SceneLearner(round(options.learn * rate), known=known)
        self.continued = self._learner.ready
        self._saved_at: float | None = None

    @property
    def learning(self) -> bool:
        """Whether nothing is reported yet."""
        return not self._learner.ready

    @property
    def unfinished(self) -> str:
        """How far learning is, in one sentence; empty when it is over."""
        if not self.learning:
            return ""
        learnt, wanted = self._learner.learnt / self._rate, self._learner.pairs / self._rate
        sentence = (
            f"learning what is normal takes {wanted:g} s of the stream, of which {learnt:g} s were seen: no surprise "
            "could be reported"
        )
        return f"{sentence}; the next run goes on with {self.path}" if self._learner.knowledge else sentence

    def request(self, request: StreamRequest) -> StreamRequest:
        """The same stream with the pictures that are compared."""
        return replace(request, image_size=self._encoder.image_size, frames_per_step=PICTURES)

    def small(self, window: MediaWindow) -> MediaWindow:
        """A window as the X-Encoder takes it: its last picture at half the side."""
        frames = window.frames[-1:].astype(np.uint16)
        mean = (frames[:, ::2, ::2] + frames[:, 1::2, ::2] + frames[:, ::2, 1::2] + frames[:, 1::2, 1::2]) / 4
        return replace(window, frames=np.rint(mean).astype(np.uint8), times=window.times[-1:])

    def push(self, window: MediaWindow) -> list[StreamSurprise]:
        """Take the next window; return the surprise that begins with it, if any."""
        start, end = window.start or 0.0, window.end or 0.0
        if len(window.frames) < PICTURES:  # the stream has too few pictures here
            return []
        score = self._learner.push(self._encoder.encode(window.frames[-PICTURES:]))
        if self._saved_at is None or end - self._saved_at >= SAVE_EVERY or end < self._saved_at:
            self._saved_at = end
            self.save()
        if score is None:
            return []
        found = self._gate.push(start, end, score)
        if self._gate.normal(score):
            self._learner.accept(score)
        return [] if found is None else [found]

    def gap(self) -> None:
        """The stream was interrupted: what comes is not compared with what was before."""
        self._gate.gap()

    def save(self) -> None:
        """Write what was learnt, so that the next run continues with it; a failure is a warning."""
        from jepa_retrieval.models.runtime.scene_files import save_scene

        knowledge = self._learner.knowledge
        if knowledge is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_scene(link_target(self.path), knowledge, fingerprint=self._fingerprint, rate=self._rate)
        except ModelError as error:
            logger.warning("%s", error)
        except OSError as error:
            logger.warning("%s: what was learnt of the scene cannot be kept (%s)", self.path, reason(error))


def _default_path(source: str, fingerprint: str, rate: float) -> Path:
    digest = hashlib.sha256(f"{source}\0{fingerprint}\0{rate}".encode("utf-8", "surrogatepass")).hexdigest()
    return cache_root() / "scenes" / f"{digest[:32]}.safetensors"
