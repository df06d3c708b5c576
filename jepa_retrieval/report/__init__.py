"""Search results as one self-contained HTML page: pictures inside, no script, nothing fetched."""

from jepa_retrieval.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
