"""WorldPrediction-WM (Chen et al. 2025): which of four action clips leads from the first state to the last?

    FOLDER/worldprediction_wm.json (or .jsonl)    a list of questions, or one a line
    FOLDER/.../SEGMENT.mp4                        the segments that it names

A question has "states" and "candidates" (or "actions"), each segment with a "segment_uid" such as
`segment|COIN|U9bZX2wABWQ_000`, and "answer" (or "label"), the row of the right candidate; or a candidate is marked
with "is_correct". The states of a segment are its first and its last frame. A segment's file is named by its uid with
`|` or `_` between the parts, or by its last part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.datasets.files import DataSetError, MediaFolder, read_json_lines, require
from benchmarks.datasets.shapes import Clip, StateChange, StateChangeSet

SOURCE = "github.com/facebookresearch/WorldPrediction"
EDGE = 0.5  # seconds at either end of a segment that stand for its first and last state


class Choice(NamedTuple):
    """Uids of the segment whose states are shown, and of the candidate actions."""

    states: str
    actions: tuple[str, ...]
    answer: int


def parse(path: Path) -> list[Choice]:
    """One row a question."""
    return [_choice(row, path, number) for number, row in enumerate(read_json_lines(path), start=1)]


def _choice(row: dict[str, Any], path: Path, number: int) -> Choice:
    candidates = row.get("candidates", row.get("actions"))
    if not isinstance(candidates, list) or "segment_uid" not in row.get("states", {}):
        raise DataSetError(f"{path}: question {number} must have states with a segment_uid, and candidates")
    answer = row.get("answer", row.get("label"))
    if answer is None:
        answer = next((place for place, one in enumerate(candidates) if one.get("is_correct")), None)
    if not isinstance(answer, int) or not 0 <= answer < len(candidates):
        raise DataSetError(f"{path}: question {number} does not say which candidate is right")
    return Choice(row["states"]["segment_uid"], tuple(one["segment_uid"] for one in candidates), answer)


def load(folder: Path) -> StateChangeSet:
    """Questions of which every segment is there."""
    from jepa_retrieval.media import probe

    rows = parse(require(folder, "worldprediction_wm.json", "worldprediction_wm.jsonl", source=SOURCE))
    media = MediaFolder(folder, source=SOURCE)
    changes = []
    for row in rows:
        found = [media.find(*_names(uid)) for uid in (row.states, *row.actions)]
        paths = [path for path in found if path is not None]
        if len(paths) == len(found):
            length = probe(paths[0]).duration or 0.0
            initial = Clip(paths[0], 0.0, min(EDGE, length) or EDGE)
            final = Clip(paths[0], max(0.0, length - EDGE), None)
            changes.append(StateChange(initial, final, tuple(Clip(path) for path in paths[1:]), row.answer))
    if not changes:
        raise media.missing("segments", rows[0].states if rows else "")
    return StateChangeSet("WorldPrediction-WM", tuple(changes), named=len(rows))


def _names(uid: str) -> tuple[str, ...]:
    return uid, uid.replace("|", "_"), uid.rsplit("|", 1)[-1]
