"""Checks of an index that need the model, the media and their pictures: the second half of `verify`."""

from __future__ import annotations

import io
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from indexes import Index, Problem, arrays
from indexes.health import COLLAPSED, CONSTANT
from jepa_retrieval.errors import JepaError
from jepa_retrieval.index_folder import INDEX_NAME
from jepa_retrieval.media import is_there
from jepa_retrieval.models.dynamics_files import DYNAMICS_FILE, read_whole
from jepa_retrieval.models.parts import Model
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.user_paths import exists

REBUILD = "embed everything again with `jepa index --rebuild`"

# Clips whose embedding is predicted again from their stored S_V.
SAMPLE_CLIPS = 64
# A clip of many windows is a mean of predictions, not the prediction from the mean of its S_V, so the two differ
# slightly. Embeddings of another model are unrelated.
MIN_COSINE = 0.5
# Clips whose thumbnails are compared, and up to what mean difference from all of them, in grey levels of 255 and at
# so many pixels a side, they show the same.
SAMPLE_PICTURES = 64
MAX_DIFFERENCE = 8.0
PICTURE_SIDE = 16
# A few clips may legitimately differ; more of them were embedded by another model.
MAX_UNLIKE = 0.02


def find_problems(index: Index, load_model: Callable[[], Model], root: MediaRoot) -> list[Problem]:
    """What is wrong with an index by itself, and with its model and its media; arguments as below.

    Remedies with `jepa index` name the media folder, and the index where the command would not find it by itself.
    """
    problems = [problem for problem in index.verify() if not _shows_the_same(index, problem)]
    # A table that cannot be read hides the rest.
    if not any(problem.what == "damaged table" for problem in problems):
        problems += find_model_problems(index, load_model, root)
    command = _index_command(index, root)
    return [
        replace(problem, remedy=problem.remedy.replace("`jepa index", f"`{command}")) for problem in problems
    ]


def _index_command(index: Index, root: MediaRoot) -> str:
    """`jepa index` with the paths that it needs, for a shell."""
    command = f"jepa index {shlex.quote(url_of(root.folder))}"
    is_found = index.folder == root.folder / INDEX_NAME
    return command if is_found else f"{command} --index {shlex.quote(index.place)}"


def find_model_problems(index: Index, load_model: Callable[[], Model], root: MediaRoot) -> Iterator[Problem]:
    """Embeddings that are not this model's, dynamics that cannot be used, and files that are gone.

    Args:
        load_model: the index's model; raises JepaError if it cannot be loaded or has changed.
    """
    try:
        model = load_model()
    except JepaError as error:
        yield Problem(
            "another model", str(error), f"use the model that the index was made with, or {REBUILD}"
        )
    else:
        yield from _mixed(index, model)
    yield from _unusable_dynamics(index)
    yield from _gone(index, root)


def _shows_the_same(index: Index, problem: Problem) -> bool:
    """Whether the problem is that clips have like embeddings, and they do because they show the same.

    Copies in another encoding and a camera that looks at a wall are no fault of the model.
    """
    if problem.what not in (CONSTANT, COLLAPSED):
        return False
    ids = [clip.clip_id for clip in index.all_clips()]
    if problem.what == CONSTANT:
        _, kinds, counts = np.unique(index.embeddings(ids), axis=0, return_inverse=True, return_counts=True)
        ids = [ids[row] for row in np.flatnonzero(kinds == counts.argmax())]
    rows = np.linspace(0, len(ids) - 1, min(SAMPLE_PICTURES, len(ids))).round().astype(int)
    thumbnails = index.clips([ids[row] for row in rows], columns=["thumbnail"])["thumbnail"].to_pylist()
    try:
        pictures = np.stack([_small_picture(thumbnail) for thumbnail in thumbnails])
    except (OSError, ValueError, Image.DecompressionBombError):  # there is none, or it is damaged
        return False
    differences = np.abs(pictures - np.median(pictures, axis=0)).mean(axis=(1, 2, 3))
    return bool((differences <= MAX_DIFFERENCE).all())


def _small_picture(thumbnail: bytes | None) -> np.ndarray:
    """A thumbnail as float32 [PICTURE_SIDE, PICTURE_SIDE, 3]."""
    if thumbnail is None:
        raise ValueError("no thumbnail")
    with Image.open(io.BytesIO(thumbnail), formats=["JPEG"]) as image:
        small = image.convert("RGB").resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BOX)
    return np.asarray(small, np.float32)


def _unusable_dynamics(index: Index) -> Iterator[Problem]:
    path = index.folder / DYNAMICS_FILE
    if not os.path.lexists(path):
        return
    remedy = (
        f"train it again with `jepa train dynamics --index {index.folder}`, or delete the file: "
        "the dynamics that come with the model are used then, if there are any"
    )
    try:
        if read_whole(path).fingerprint == index.manifest.fingerprint:
            return
        detail = f"{path}: was trained for other embeddings than the index now has"
    except JepaError as error:
        detail = str(error)
    yield Problem("unusable dynamics", detail, remedy)


def _mixed(index: Index, model: Model) -> Iterator[Problem]:
    """Clips whose embedding is not what the model predicts from their stored S_V."""
    clips = index.all_clips()
    chosen = np.unique(np.linspace(0, len(clips) - 1, min(SAMPLE_CLIPS, len(clips))).round().astype(int))
    columns = ["path", "tokens", "token_size", "embedding"]
    rows = index.clips([clips[number].clip_id for number in chosen], columns=columns) if len(clips) else None
    if rows is None:
        return
    stored = arrays.embeddings(rows).astype(np.float32)
    unlike, judged = [], 0
    for path, tokens, embedding in zip(rows["path"].to_pylist(), arrays.tokens(rows), stored, strict=True):
        if tokens is None or tokens.shape[1] != model.x_encoder.token_size:
            continue  # not kept, or of another X-Encoder, which the fingerprint reports
        predicted = model.predictor.predict(tokens[None].astype(np.float32), [index.manifest.prompt])[0]
        judged += 1
        if float(predicted @ embedding) < MIN_COSINE:
            unlike.append(path)
    if len(unlike) > MAX_UNLIKE * judged:
        detail = (
            f"{len(unlike)} of {judged} clips looked at, the first of {unlike[0]}, "
            "hold embeddings that the index's model would not give"
        )
        yield Problem("mixed fingerprints", detail, REBUILD)


def _files(paths: Sequence[str]) -> str:
    return "1 file is" if len(paths) == 1 else f"{len(paths):,} files are"


def _gone(index: Index, root: MediaRoot) -> Iterator[Problem]:
    known = index.known_files()
    # A link that leads nowhere is there, and is in the index as failed.
    gone = [path for path in known if not (exists(root.to_path(path)) or is_there(root.to_path(path)))]
    if gone:
        detail = f"{_files(gone)} in the index and not on disk, the first is {gone[0]}"
        remedy = (
            f"bring them back, or drop them: those below {root.folder} with `jepa index --prune`, others with "
            "`jepa remove`"
        )
        yield Problem("orphaned records", detail, remedy)
    twice = [path for path in known if (real := root.canonical(path)) != path and real in known]
    if twice:
        detail = f"{_files(twice)} in the index under two paths, the first is {twice[0]}"
        yield Problem("duplicate records", detail, "run `jepa index`")
