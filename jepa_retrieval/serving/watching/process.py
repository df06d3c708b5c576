"""A process that watches one stream: `python -m jepa_retrieval.serving.watching.process`.

The first line of standard input says what: `{"source": ..., "model": ..., "prompt": ...}`. An address may hold a
password, which other users see in the arguments of a process. It tells what it sees as lines of JSON on standard
output: `{"window": {...}}`, `{"lost": "reason"}`, `{"returned": seconds}`, and at last `{"ended": true}` or
`{"failed": "reason"}`. It ends when standard input does, so that it never outlives the server.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
import threading
from typing import Any

from jepa_retrieval.errors import JepaError, UnreadableMediaError
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import Lost, Returned
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.watching.windows import SeenWindow, seen_windows

RATE = 2.0  # windows per second
_NICENESS = 5  # searches go first


def main() -> int:
    """Watch until the stream ends; returns the exit status."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no line of ours

    def tell(line: dict[str, Any]) -> None:
        output.write(json.dumps(line) + "\n")
        output.flush()

    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_server, daemon=True).start()
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    try:
        source = StreamSource.parse(asked["source"])
        for seen in seen_windows(source, load_model(asked["model"]), rate=RATE, prompt=asked["prompt"]):
            tell(_line(seen))
    except UnreadableMediaError as error:
        tell({"failed": error.reason})
        return 1
    except JepaError as error:
        tell({"failed": str(error)})
        return 1
    tell({"ended": True})
    return 0


def _line(seen: SeenWindow | Lost | Returned) -> dict[str, Any]:
    if isinstance(seen, Lost):
        return {"lost": seen.reason}
    if isinstance(seen, Returned):
        return {"returned": seen.after}
    picture = None if seen.picture is None else base64.b64encode(seen.picture).decode()
    embedding = base64.b64encode(seen.embedding.astype("<f4").tobytes()).decode()
    return {"window": {"start": seen.start, "end": seen.end, "embedding": embedding, "picture": picture}}


def _end_with_server() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(1)


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)
