"""A process that does one job: `python -m jepa_retrieval.serving.jobs.process KIND FOLDER OPTIONS`.

It tells what it does as lines of JSON on standard output: `{"progress": {...}}` now and then, and at last
`{"result": {...}}` or `{"error": "one sentence"}`. SIGINT ends it with what is done being kept. It ends when standard
input does, so that it never outlives the server.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from jepa_retrieval.errors import JepaError
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.indexing.report import IndexProgress, IndexReport

CANCELLED = 130  # exit status
FAILED = 2
_TELL_SECONDS = 0.2
_NICENESS = 5  # searches go first
_MAX_FILES = 1000  # of a report that are named

Tell = Callable[[dict[str, Any]], None]


def main() -> int:
    """Do the job; returns the exit status."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no line of ours
    lock = threading.Lock()

    def tell(line: dict[str, Any]) -> None:
        with lock, contextlib.suppress(OSError):
            output.write(json.dumps(line) + "\n")
            output.flush()

    threading.Thread(target=_end_with_server, daemon=True).start()
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    kind, folder, options = sys.argv[1:]
    try:
        tell({"result": _JOBS[kind](Library.open(folder), json.loads(options), tell)})
    except KeyboardInterrupt:
        return CANCELLED
    except JepaError as error:
        tell({"error": str(error)})
        return FAILED
    return 0


def _index(library: Library, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    last = 0.0

    def on_progress(progress: IndexProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= _TELL_SECONDS:
            last = time.monotonic()
            tell({"progress": dataclasses.asdict(progress)})

    return _summary(library.index(on_progress=on_progress, **options))


def _optimize(library: Library, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    library.optimize()
    return {"clips": library.status().clips}


def _summary(report: IndexReport) -> dict[str, Any]:
    return {
        "indexed": report.indexed,
        "unchanged": report.unchanged,
        "moved": report.moved,
        "removed": report.removed,
        "clips": report.clips,
        "seconds": round(report.seconds, 1),
        "partial_count": len(report.partial),
        "failed_count": len(report.failed),
        "partial": [dataclasses.asdict(one) for one in report.partial[:_MAX_FILES]],
        "spoken": report.spoken,
        "read": report.read,
        "unheard": [dataclasses.asdict(one) for one in report.unheard[:_MAX_FILES]],
        "unread": [dataclasses.asdict(one) for one in report.unread[:_MAX_FILES]],
        "failed": [dataclasses.asdict(one) for one in report.failed[:_MAX_FILES]],
        "left_out": report.left_out,
    }


def _end_with_server() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(1)


_JOBS: dict[str, Callable[[Library, dict[str, Any], Tell], dict[str, Any]]] = {
    "index": _index,
    "optimize": _optimize,
}


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)
