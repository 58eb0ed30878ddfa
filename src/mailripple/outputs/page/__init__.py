"""The report as one HTML file: self-contained, offline, readable without JavaScript."""

from mailripple.outputs.page.html import page

__all__ = ["page"]
