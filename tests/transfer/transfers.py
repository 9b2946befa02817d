"""Helpers for tests of transfer learning."""

from common import transfer
from common.run import report

import pytest

QUICK = ["--train-size", "500", "--iterations", "8"]


def run(*flags, script=transfer):
    """Run the command in this process, without its pictures, which take longer than the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "draw", lambda *_: [])
        return script.main([str(flag) for flag in flags])
