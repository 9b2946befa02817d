"""Print the right command where a command of this folder was started by its path.

`python common/predict.py`, an editor's Run button and a start from within this folder make Python
look for `common` here, where this file is found, and not in the folder above.
"""

import shlex
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def how_to_start() -> str:
    """Return which command starts the module that was started, and where."""
    where = f"in the folder {PACKAGE.parent}"
    main = Path(getattr(sys.modules["__main__"], "__file__", None) or __file__).resolve()
    if main == PACKAGE / "common.py" or PACKAGE not in main.parents:
        return f"common is a package of the folder above this one: start Python {where}"
    text, path = main.read_text(encoding="utf-8"), main.relative_to(PACKAGE.parent)
    if 'if __name__ == "__main__"' not in text:
        return (
            f"{path} is a part of the scripts and does nothing by itself; start a script {where}, "
            "for example with: python mnist_cnn.py"
        )
    module = ".".join(path.with_suffix("").parts).removesuffix(".__main__")
    return f"start it {where} with: {shlex.join(['python', '-m', module, *sys.argv[1:]])}"


print(how_to_start(), file=sys.stderr)
raise SystemExit(2)
