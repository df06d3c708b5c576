"""Functions that are called in a worker process: results, errors, crashes and hangs."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jepa_retrieval.errors import MediaError, UnreadableMediaError
from jepa_retrieval.media.workers.calls import call_in_worker


def process_of(path: Path, number: int, *, on_tick: Callable[[], None]) -> tuple[int, int, bool]:
    on_tick()
    return os.getpid(), number, path.is_absolute()


def refuse(path: Path, *, on_tick: Callable[[], None]) -> None:
    raise UnreadableMediaError(path, "is refused")


def crash(path: Path, *, on_tick: Callable[[], None]) -> None:
    os.abort()


def hang(path: Path, *, on_tick: Callable[[], None]) -> None:
    time.sleep(60)


def fail(path: Path, *, on_tick: Callable[[], None]) -> None:
    raise LookupError(str(path))


def test_a_function_runs_in_a_process_that_is_used_again() -> None:
    first, second = (call_in_worker(process_of, Path("a"), number) for number in (1, 2))
    assert first[1:] == (1, True) and second[1:] == (2, True)
    assert first[0] == second[0] != os.getpid()
    with pytest.raises(UnreadableMediaError, match="is refused"):
        call_in_worker(refuse, Path("a"))
    with pytest.raises(MediaError, match="unexpected LookupError"):
        call_in_worker(fail, Path("a"))
    assert call_in_worker(process_of, Path("a"), 3)[0] == first[0]


def test_a_process_that_knows_other_variables_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def pid() -> int:
        return call_in_worker(process_of, Path("a"), 1)[0]

    first = pid()
    monkeypatch.setenv("JEPA_SOMETHING", "changed")
    second = pid()
    assert pid() == second != first
    monkeypatch.delenv("JEPA_SOMETHING")
    assert pid() not in (first, second)


def test_a_crash_or_a_hang_is_an_error_of_the_one_file() -> None:
    with pytest.raises(UnreadableMediaError, match=r"the decoder crashed on it \(SIGABRT\)"):
        call_in_worker(crash, Path("a"))
    with pytest.raises(UnreadableMediaError, match=r"no sign of life for 0\.5 seconds"):
        call_in_worker(hang, Path("a"), timeout=0.5)
    assert call_in_worker(process_of, Path("a"), 1)[1] == 1
