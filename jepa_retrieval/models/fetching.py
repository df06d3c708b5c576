"""Downloads from the Hugging Face hub: the files that a model needs, no others, at one commit that is recorded.

Only what a user asked for by name comes here: `jepa models fetch`, `fetch_model`, and `--model` of the command
line. Everything else reads what is on this machine (`hub`). An interrupted download continues where it
stopped.
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.fingerprint import digest_of_files
from jepa_retrieval.models.hub import MAIN, Repository, hub_cache
from jepa_retrieval.models.hub_needs import Need

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DISK_IS_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
TIMEOUT = 20.0  # seconds to wait for the hub's answer


@dataclass(frozen=True)
class PlannedFile:
    """A file of the hub that the model needs."""

    name: str
    size: int | None  # bytes; None: the hub does not say
    is_here: bool


@dataclass(frozen=True)
class PlannedRepository:
    """The files of one repository that are needed."""

    repository: Repository
    commit: str
    licence: str | None  # as the repository states it
    is_gated: bool  # its terms must be accepted, by a user who is logged in
    files: tuple[PlannedFile, ...]

    @property
    def missing(self) -> tuple[PlannedFile, ...]:
        """The files that have to be downloaded."""
        return tuple(file for file in self.files if not file.is_here)


@dataclass(frozen=True)
class FetchPlan:
    """All files of the hub that a model needs."""

    model: str
    repositories: tuple[PlannedRepository, ...]

    @property
    def missing_bytes(self) -> int:
        """Bytes to be downloaded, as far as sizes are known."""
        return sum(file.size or 0 for repository in self.repositories for file in repository.missing)

    @property
    def is_complete(self) -> bool:
        """Whether nothing has to be downloaded."""
        return not any(repository.missing for repository in self.repositories)


@dataclass
class FetchProgress:
    """How far a download is."""

    file: str  # REPOSITORY/FILE
    done: int  # bytes of the file
    total: int | None  # bytes of the file


OnFetchProgress = Callable[[FetchProgress], None]


def plan_fetch(model: str, needs: Iterable[Need], *, update: bool = False) -> FetchPlan:
    """Ask the hub which files `needs` are, how large, and under which licence.

    Args:
        model: whose needs they are; for messages.
        needs: of the model.
        update: take the newest commit of each repository, also where another is on this machine.

    Raises:
        ModelError: the hub does not answer, a repository or a file is not there, or is closed to this user.
    """
    by_repository: dict[Repository, list[Need]] = {}
    for need in needs:
        by_repository.setdefault(need.repository, []).append(need)
    planned = [_plan(repository, group, update=update) for repository, group in by_repository.items()]
    return FetchPlan(model, tuple(planned))


def _plan(repository: Repository, needs: list[Need], *, update: bool) -> PlannedRepository:
    local = None if update else repository.local_commit()
    info = _ask(repository, local or repository.revision or MAIN)
    commit = info.sha or ""
    sizes = {sibling.rfilename: sibling.size for sibling in info.siblings or []}
    names: dict[str, None] = {}
    for need in needs:
        names |= dict.fromkeys(_files_of(need, sizes))
    folder = repository.folder() / "snapshots" / commit
    files = [PlannedFile(name, sizes.get(name), (folder / name).is_file()) for name in names]
    licence = getattr(info.card_data, "license", None)
    name = getattr(info.card_data, "license_name", None)
    stated = name if licence == "other" and name else licence
    return PlannedRepository(
        repository,
        commit,
        ", ".join(stated) if isinstance(stated, list) else stated,
        bool(info.gated),
        tuple(files),
    )


def _ask(repository: Repository, revision: str) -> ModelInfo:
    from huggingface_hub import HfApi, constants

    try:
        with _without_telemetry():
            return HfApi(constants.ENDPOINT).model_info(
                repository.name, revision=revision, files_metadata=True, timeout=TIMEOUT
            )
    except Exception as error:  # of the hub's library and of those below it
        raise _told(error, repository) from error


def _files_of(need: Need, there: dict[str, int | None]) -> list[str]:
    """Which of a repository's files a need is."""
    for name in need.files:
        if name not in there:
            raise ModelError(f"{need.repository}: has no file {name}, which {need.part} needs")
    chosen = [name for name in need.any_of if name in there][:1]
    if need.any_of and not chosen:
        raise ModelError(
            f"{need.repository}: has none of {', '.join(need.any_of)}, one of which {need.part} needs"
        )
    for index in [name for name in chosen if name.endswith(".index.json")]:
        stem, ending = index.removesuffix(".index.json").rsplit(".", 1)
        shard = re.compile(rf"{re.escape(stem)}-\d+-of-\d+\.{re.escape(ending)}")
        chosen += [name for name in there if shard.fullmatch(name)]
    return [*need.files, *chosen, *(name for name in need.if_there if name in there)]


def fetch(plan: FetchPlan, *, on_progress: OnFetchProgress | None = None) -> None:
    """Download what is missing, and read the repositories at the planned commits from now on.

    Raises:
        ModelError: the disk is full, the hub does not answer, or a repository is closed to this user. What was
            downloaded stays, and the next call continues there.
    """
    _check_disk(plan)
    for planned in plan.repositories:
        for file in planned.missing:
            _download(planned, file, on_progress)
        planned.repository.pin(planned.commit)


def _check_disk(plan: FetchPlan) -> None:
    folder = hub_cache()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if plan.missing_bytes > free:
        raise ModelError(
            f"{plan.model}: {plan.missing_bytes / 1e9:,.1f} GB are to be downloaded, and {free / 1e9:,.1f} GB are "
            f"free in {folder}; $HF_HUB_CACHE names another folder"
        )


def _download(planned: PlannedRepository, file: PlannedFile, on_progress: OnFetchProgress | None) -> None:
    from huggingface_hub import constants, hf_hub_download

    bar = _bar_class(f"{planned.repository.name}/{file.name}", file.size, on_progress)
    try:
        with _without_telemetry():
            _complete_blob(planned, file, bar)
            hf_hub_download(  # finds the bytes, and gives the file its place
                planned.repository.name,
                file.name,
                revision=planned.commit,
                endpoint=constants.ENDPOINT,
                tqdm_class=bar,
            )
    except ModelError:
        raise
    except Exception as error:  # of the hub's library and of those below it
        raise _told(error, planned.repository) from error


def _complete_blob(planned: PlannedRepository, file: PlannedFile, bar: Any) -> None:
    """Download the bytes of a file to where the hub's library looks for them.

    The library itself deletes an incomplete file when it is interrupted. Here the incomplete file is kept, and the
    next call downloads the rest.
    """
    from filelock import FileLock
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    url = hf_hub_url(planned.repository.name, file.name, revision=planned.commit, endpoint=constants.ENDPOINT)
    found = get_hf_file_metadata(url, timeout=TIMEOUT, endpoint=constants.ENDPOINT)
    if not found.etag or not _PLAIN_NAME.fullmatch(found.etag):
        return
    headers = build_hf_headers()
    if urlsplit(found.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # the hub's token is not for its content network
    blob = planned.repository.folder() / "blobs" / found.etag
    part = blob.with_name(f"{found.etag}.part")
    blob.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{part}.lock"):
        if blob.exists():
            return
        with part.open("ab") as output:
            size = output.tell()
            http_get(
                found.location,
                output,
                resume_size=size,
                headers=headers,
                expected_size=found.size,
                displayed_filename=file.name,
                tqdm_class=bar,
            )
        _check_digest(part, found.etag, f"{planned.repository}: {file.name}")
        part.replace(blob)


def _check_digest(part: Path, etag: str, name: str) -> None:
    """`ModelError` if the tag is a sha256, as for large files, and differs from the content's."""
    if _SHA256.fullmatch(etag) and digest_of_files([part]) != etag:
        part.unlink()
        raise ModelError(f"{name}: was damaged on the way (its sha256 differs); fetch it again")


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Inside, the hub's library sends the hub no information about this program."""
    from huggingface_hub import constants

    before, constants.HF_HUB_DISABLE_TELEMETRY = constants.HF_HUB_DISABLE_TELEMETRY, True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = before


def _bar_class(label: str, size: int | None, on_progress: OnFetchProgress | None) -> Any:
    """What the hub's library takes for a progress bar: it draws nothing, and calls `on_progress`."""
    from tqdm import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self._done = int(options.get("initial") or 0)
            options.pop("name", None)
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            self._done += int(n or 0)
            if on_progress is not None:
                on_progress(FetchProgress(label, self._done, size))
            return None

    return Bar


def _told(error: Exception, repository: Repository) -> ModelError:
    """An error of the hub's library with a message that says what to do."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{repository.name}"
    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"{repository}: access is restricted. Accept its terms on {page} with your account, then log in: "
            "hf auth login, or set $HF_TOKEN"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return ModelError(
            f"{repository}: there is no such repository on {constants.ENDPOINT}, or it is private and you are not "
            "logged in (hf auth login, or $HF_TOKEN)"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelError(f"{repository}: has no such revision ({page})")
    if isinstance(error, errors.EntryNotFoundError) and not isinstance(error, errors.LocalEntryNotFoundError):
        return ModelError(f"{repository}: {_one_line(error)}")
    if isinstance(error, OSError) and error.errno in _DISK_IS_FULL:
        return ModelError(
            f"{repository}: cannot be written to {hub_cache()} ({error.strerror}); what is there stays, and the next "
            "call continues; $HF_HUB_CACHE names another folder"
        )
    cause = (
        error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ else error
    )
    if isinstance(cause, errors.GatedRepoError | errors.RepositoryNotFoundError) and isinstance(
        cause, Exception
    ):
        return _told(cause, repository)
    return ModelError(
        f"{repository}: cannot be fetched from {constants.ENDPOINT} ({_one_line(cause)}); what was downloaded stays, "
        "and the next call continues there"
    )


def _one_line(error: BaseException) -> str:
    """All lines of an error's message: the hub's messages say only in later lines what to do."""
    return " ".join(str(error).split()) or type(error).__name__
