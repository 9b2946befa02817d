"""Pictures in windows, for --show."""

from __future__ import annotations

from contextlib import suppress

from common import UserError
from common.plots.canvas import import_matplotlib


def require_display() -> None:
    """Check that windows can be opened, before hours of training end without them.

    Raises:
        UserError: Matplotlib finds no display or no window toolkit.
    """
    can_show = False
    with suppress(Exception):  # each window toolkit raises exceptions of its own
        import_matplotlib()
        import matplotlib.pyplot as plt
        from matplotlib.backend_bases import FigureManagerBase

        manager = plt.figure().canvas.manager  # not visible: only plt.show() shows windows
        plt.close(manager.num)
        can_show = type(manager).show is not FigureManagerBase.show
    if not can_show:
        raise UserError(
            "cannot open windows: Matplotlib found no display or no window toolkit. "
            "Leave out --show and open the PNG files in the output directory instead."
        )


def show_all() -> None:
    """Open a window for each figure drawn with `show=True`; return when all are closed.

    Raises:
        UserError: see `require_display`.
    """
    import_matplotlib()
    import matplotlib.pyplot as plt

    try:
        require_display()
        plt.show()
    finally:
        plt.close("all")
