"""OpenVINO without usage reports: it reports every use to its vendor unless the package for that is absent."""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402 - only now

__all__ = ["openvino"]
