"""WorldPrediction (Chen et al. 2025): which action (WM), or which order of actions (PP), leads from state to state?

    FOLDER/worldprediction_wm.json (or .jsonl)    a list of questions, or one a line
    FOLDER/worldprediction_pp.json (or .jsonl)    likewise; a candidate is a list of actions, or has it as "actions"
    FOLDER/.../SEGMENT.mp4                        the segments that it names

A question has "states" and "candidates" (or "actions"), each segment with a "segment_uid" such as
`segment|COIN|U9bZX2wABWQ_000`, and "answer" (or "label"), the row of the right candidate; or a candidate is marked
with "is_correct". In PP, "states" names the segments of the first and the last state, "initial" and "final". The
states of a segment are its first and its last frame. A segment's file is named by its uid with `|` or `_` between the
parts, or by its last part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.datasets.files import DataSetError, MediaFolder, read_json_lines, require
from benchmarks.datasets.shapes import Clip, PlanQuestion, PlanSet, StateChange, StateChangeSet

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
    rows = parse(require(folder, "worldprediction_wm.json", "worldprediction_wm.jsonl", source=SOURCE))
    media = MediaFolder(folder, source=SOURCE)
    changes = []
    for row in rows:
        found = [media.find(*_names(uid)) for uid in (row.states, *row.actions)]
        paths = [path for path in found if path is not None]
        if len(paths) == len(found):
            initial, final = _states(paths[0])
            changes.append(StateChange(initial, final, tuple(Clip(path) for path in paths[1:]), row.answer))
    if not changes:
        raise media.missing("segments", rows[0].states if rows else "")
    return StateChangeSet("WorldPrediction-WM", tuple(changes), named=len(rows))


class PlanChoice(NamedTuple):
    """Uids of the segments that begin and end with the states, and of the actions of each candidate."""

    initial: str
    final: str
    plans: tuple[tuple[str, ...], ...]
    answer: int


def parse_plans(path: Path) -> list[PlanChoice]:
    """One row a question of PP."""
    return [_plan_choice(row, path, number) for number, row in enumerate(read_json_lines(path), start=1)]


def _plan_choice(row: dict[str, Any], path: Path, number: int) -> PlanChoice:
    states, candidates = row.get("states", {}), row.get("candidates")
    try:
        initial, final = (states[name]["segment_uid"] for name in ("initial", "final"))
        plans = [one["actions"] if isinstance(one, dict) else one for one in candidates or ()]
        uids = tuple(tuple(action["segment_uid"] for action in plan) for plan in plans)
    except (KeyError, TypeError):
        raise DataSetError(
            f"{path}: question {number} must have states with an initial and a final segment_uid, and candidates "
            "with actions"
        ) from None
    answer = row.get("answer", row.get("label"))
    if not isinstance(answer, int) or not 0 <= answer < len(uids) or not all(uids):
        raise DataSetError(f"{path}: question {number} does not say which candidate is right")
    return PlanChoice(initial, final, uids, answer)


def load_order(folder: Path) -> PlanSet:
    """Questions of PP of which every segment is there."""
    rows = parse_plans(require(folder, "worldprediction_pp.json", "worldprediction_pp.jsonl", source=SOURCE))
    media = MediaFolder(folder, source=SOURCE)
    questions = []
    for row in rows:
        wanted = {uid for plan in row.plans for uid in plan} | {row.initial, row.final}
        found = {uid: path for uid in wanted if (path := media.find(*_names(uid))) is not None}
        if len(found) == len(wanted):
            plans = tuple(tuple(Clip(found[uid]) for uid in plan) for plan in row.plans)
            first, last = _states(found[row.initial])[0], _states(found[row.final])[1]
            questions.append(PlanQuestion(first, last, plans, row.answer))
    if not questions:
        raise media.missing("segments", rows[0].initial if rows else "")
    return PlanSet("WorldPrediction-PP", tuple(questions), named=len(rows))


def load_change(folder: Path) -> PlanSet:
    """The questions of WM as plans of one action."""
    changes = load(folder)
    questions = tuple(
        PlanQuestion(one.initial, one.final, tuple((clip,) for clip in one.actions), one.answer)
        for one in changes.changes
    )
    return PlanSet(changes.title, questions, named=changes.named)


def _states(path: Path) -> tuple[Clip, Clip]:
    """The first and the last state of a segment."""
    from jepa_retrieval.media import probe

    length = probe(path).duration or 0.0
    return Clip(path, 0.0, min(EDGE, length) or EDGE), Clip(path, max(0.0, length - EDGE), None)


def _names(uid: str) -> tuple[str, ...]:
    return uid, uid.replace("|", "_"), uid.rsplit("|", 1)[-1]
