"""Moments for other programs: edit lists, subtitles, tables and clips."""

from jepa_retrieval.report.export.moments import ExportMoment, LeftOutMoment
from jepa_retrieval.report.export.registry import FORMATS, ExportFormat, format_of
from jepa_retrieval.report.export.write import ExportReport, export_moments

__all__ = [
    "FORMATS",
    "ExportFormat",
    "ExportMoment",
    "ExportReport",
    "LeftOutMoment",
    "export_moments",
    "format_of",
]
