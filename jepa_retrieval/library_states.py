"""What a `Library` does with predicted states: surprise, anticipate, and train the dynamics that both need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from indexes import Index
    from jepa_retrieval.dynamics_training import DynamicsReport
    from jepa_retrieval.models.parts import Model
    from jepa_retrieval.tasks.asking.candidates import Candidate
    from jepa_retrieval.tasks.foreseeing.anticipate import Anticipation
    from jepa_retrieval.tasks.foreseeing.plan import Plan
    from jepa_retrieval.tasks.foreseeing.surprise import FileSurprise, IndexSurprise
    from jepa_retrieval.training.dynamics import DynamicsSettings
    from jepa_retrieval.training.progress import OnProgress


class HasIndex(Protocol):
    """What these methods need of a library."""

    @property
    def records(self) -> Index:
        """The index."""
        ...

    @property
    def model(self) -> Model:
        """The model that it was made with."""
        ...


class StateVerbs:
    """Methods of `Library`."""

    def surprise(
        self: HasIndex, *, top: int = 10, min_z: float = 3.0, where: str | None = None
    ) -> IndexSurprise:
        """The most unusual clips of the index, from its stored tokens alone; nothing is decoded.

        Args:
            top: at most so many clips.
            min_z: only clips with this robust z-score, over all clips, or more.
            where: SQL condition over the clips' columns, as in `search`.

        Raises:
            UsageError: there are no dynamics for this index (`train_dynamics`), or it keeps no tokens.
            FilterError: `where` is not valid.
        """
        from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics
        from jepa_retrieval.tasks.foreseeing.surprise import surprise_of_index

        dynamics = open_dynamics(self.model, index=self.records)
        return surprise_of_index(self.records, dynamics, top=top, min_z=min_z, where=where)

    def surprise_of_file(
        self: HasIndex,
        path: Path | str,
        *,
        top: int = 10,
        min_z: float = 3.0,
        predictor: Path | str | None = None,
    ) -> FileSurprise:
        """The intervals of a video, indexed or not, that the states before them did not lead one to expect.

        Args:
            path: the video.
            top: at most so many intervals.
            min_z: only windows with this robust z-score, within the file, or more.
            predictor: a folder with V-JEPA 2 as the Hugging Face hub has it, whose own predictor is used; None: the
                dynamics of this index or its model.

        Raises:
            UnreadableMediaError: the file cannot be decoded.
            UsageError: it is a picture, or there are no dynamics for this index.
            ModelError: there is no V-JEPA 2 in the folder `predictor`, or its weights cannot be read.
        """
        if predictor is not None:
            from jepa_retrieval.models.runtime.vjepa2_predictor import PretrainedPredictor
            from jepa_retrieval.tasks.foreseeing.pretrained import surprise_by_predictor
            from jepa_retrieval.user_paths import user_path

            opened = PretrainedPredictor(user_path(predictor))
            return surprise_by_predictor(user_path(path), opened, top=top, min_z=min_z)
        from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics
        from jepa_retrieval.tasks.foreseeing.surprise import surprise_of_file
        from jepa_retrieval.user_paths import user_path

        dynamics = open_dynamics(self.model, index=self.records)
        return surprise_of_file(user_path(path), self.model, dynamics, top=top, min_z=min_z)

    def anticipate(
        self: HasIndex,
        path: Path | str,
        *,
        at: float | None = None,
        horizons: Sequence[float] = (1.0, 2.0, 4.0, 10.0),
        labels: Sequence[str | Candidate] = (),
        top: int = 3,
    ) -> Anticipation:
        """What a video, indexed or not, will show some seconds after `at`, as moments of this library and a sentence.

        Args:
            path: the video.
            at: seconds; None: its end.
            horizons: seconds ahead.
            labels: candidates to compare what was foreseen with.
            top: labels and moments for each horizon.

        Raises:
            UnreadableMediaError: the file cannot be decoded.
            UsageError: an argument is out of range, or there are no dynamics for this index.
        """
        from jepa_retrieval.tasks.foreseeing.anticipate import anticipate
        from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics

        return anticipate(
            path,
            self.model,
            open_dynamics(self.model, index=self.records),
            at=at,
            horizons=horizons,
            labels=labels,
            index=self.records,
            top=top,
        )

    def train_dynamics(
        self: HasIndex,
        *,
        settings: DynamicsSettings | None = None,
        on_progress: OnProgress | None = None,
    ) -> DynamicsReport:
        """Learn from the stored tokens how states follow each other here, for `surprise`, `anticipate` and `plan`.

        Raises:
            UsageError: the index keeps no tokens, or has too few clips.
            IndexWriteError: the folder cannot be written.
        """
        from jepa_retrieval.dynamics_training import train_on_index

        return train_on_index(self.records, settings=settings, on_progress=on_progress)

    def plan(
        self: HasIndex, before: Path | str, after: Path | str, *, steps: int = 3, where: str | None = None
    ) -> Plan:
        """The chain of clips that leads from one picture to the other.

        Args:
            before: a picture; of a video, its first frame.
            after: a picture.
            steps: clips of the chain.
            where: SQL condition over the clips' columns: only those.

        Raises:
            UnreadableMediaError: a picture cannot be decoded.
            UsageError: an argument is out of range, the index has fewer clips than steps, or there are no dynamics.
        """
        from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics
        from jepa_retrieval.tasks.foreseeing.plan import plan

        dynamics = open_dynamics(self.model, index=self.records)
        return plan(before, after, self.records, self.model, dynamics, steps=steps, where=where)
