"""OpenVINO without usage reports, and with one runtime a process.

It reports every use to its vendor unless the package for that is absent. And each runtime (`openvino.Core`) gives the
thread that makes it a stack for signal handlers, which goes with the runtime: if two end in the order in which they
were made, the thread keeps a stack that is gone, and dies by a segmentation fault at its next signal.
"""

import sys
import threading

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402 - only now

__all__ = ["core", "openvino"]

_made: list[openvino.Core] = []
_making = threading.Lock()


def core() -> openvino.Core:
    """The one OpenVINO runtime of this process, which lasts as long as it."""
    with _making:
        if not _made:
            _made.append(openvino.Core())
        return _made[0]
