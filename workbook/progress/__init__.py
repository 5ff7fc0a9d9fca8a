"""Progress in JupyterLab: `from workbook.progress import show; show()`."""

from workbook.progress.show import show

__all__ = ["show"]
