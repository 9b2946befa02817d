"""Photos of digits in folders → one .npz file, for --data-dir.

    python -m common.datasets photos digits.npz

prepares each picture of photos/train/CLASS and photos/test/CLASS as MNIST's images were prepared.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.process.arguments import new_parser
from common.process.text import visible

COMMAND = "python -m common.datasets"


def main(argv: Sequence[str] | None = None) -> None:
    """Prepare a folder tree of photos and keep the result as one .npz file.

    Raises:
        UserError: a picture cannot be prepared, or the file cannot be written.
        SystemExit: a usage error (status 2).
    """
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument(
        "folder", type=Path, help="folder with train/CLASS/*, test/CLASS/* and perhaps val/CLASS/*"
    )
    parser.add_argument("npz", type=Path, help="the .npz file to write")
    parser.add_argument(
        "--size",
        type=int,
        default=28,
        metavar="N",
        help="height and width of the images; digits take 20/28 of it (default: 28)",
    )
    options = parser.parse_args(argv)
    if not 8 <= options.size <= 256:
        parser.error("--size must be from 8 to 256")
    if options.npz.suffix != ".npz":
        parser.error(f"the name of the file to write must end in .npz, not {options.npz}")
    # Imported when the command line is right: Pillow and SciPy take time.
    from common.datasets.folders import read_folder_tree
    from common.datasets.npz import write_npz

    data = read_folder_tree(options.folder, (options.size, options.size))
    write_npz(options.npz, data)
    validation = f"{len(data.validation.images):,} validation and " if data.validation else ""
    said = (
        f"{options.npz}: {len(data.train.images):,} training images and {validation}"
        f"{len(data.test.images):,} test images of {options.size} × {options.size} pixels, classes "
        f"{', '.join(data.class_names)}"
    )
    print(visible(said))
    for remark in data.remarks:
        print(f"  {visible(remark)}")


if __name__ == "__main__":
    main()
