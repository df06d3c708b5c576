"""A process that writes one preview to standard output, within the limits of decoder processes.

It ends when nobody reads what it writes. Run as `python -m jepa_retrieval.serving.previews.process JSON`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import BinaryIO

from jepa_retrieval.errors import JepaError, UnreadableMediaError
from jepa_retrieval.media.reasons import library_reason
from jepa_retrieval.media.workers.child import limit_memory
from jepa_retrieval.serving.previews.request import FAILED, PreviewRequest

_NICENESS = 5  # searches go first


def main() -> int:
    """Make the preview; returns the exit status."""
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no part of the preview
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    limit_memory()
    request = PreviewRequest.from_text(sys.argv[1])
    try:
        _write(request, output)
    except BrokenPipeError:
        return 0
    except UnreadableMediaError as error:
        return _failed(error.reason)
    except JepaError as error:
        return _failed(str(error))
    except MemoryError as error:
        return _failed(library_reason(error))
    return 0


def _write(request: PreviewRequest, output: BinaryIO) -> None:
    if request.format == "mp4":
        from jepa_retrieval.serving.previews.transcode import transcode

        transcode(request, output)
    else:
        from jepa_retrieval.serving.previews.picture import convert

        output.write(convert(request))


def _failed(reason: str) -> int:
    sys.stderr.write("\n" + reason.replace("\n", " ") + "\n")
    return FAILED


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # decoders' threads need not be waited for
