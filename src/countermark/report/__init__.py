"""Findings rendered: web page, JSON, exports; a format lays out, it never computes."""

from countermark.report.page import render

__all__ = ["render"]
