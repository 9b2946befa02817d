"""A folder → the picture files in it, and what is left out."""

from __future__ import annotations

from pathlib import Path

from common.pictures.reading import PictureError

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".bmp")
SUFFIXES += (".pbm", ".pgm", ".ppm", ".pnm", ".tif", ".tiff")


def list_pictures(folder: Path) -> list[Path]:
    """Return the files in `folder` whose suffix is in SUFFIXES, sorted by name.

    Names that begin with a dot are left out: a Mac writes `._1.png` beside `1.png`.

    Raises:
        PictureError: there are none, or the folder cannot be read.
    """
    try:
        names = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise PictureError(
            f"the folder {folder} cannot be read ({error.strerror}); check its permissions."
        ) from None
    found = [path for path in names if path.suffix.lower() in SUFFIXES]
    if not found:
        others = f" but {len(names):,} others, the first {names[0].name!r}" if names else ""
        raise PictureError(
            f"the folder {folder} holds no pictures{others}; their names should end in one of "
            f"{' '.join(SUFFIXES)}."
        )
    return found


class LeftOut:
    """What is in a folder but is not read, to be said in one sentence."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[Path]] = {}

    def add(self, path: Path, why: str) -> None:
        """Note one file or folder, and why it is left out."""
        kind = "folder" if path.is_dir() else "file"
        self._found.setdefault((kind, why), []).append(path)

    def add_from(self, folder: Path, why_folders: str) -> None:
        """Note what `list_pictures` does not return of a folder that it can read.

        Args:
            folder: the folder.
            why_folders: why folders in it are left out.
        """
        for path in sorted(folder.iterdir()):
            suffix = path.suffix.lower()
            if path.name.startswith("."):
                if suffix in SUFFIXES:
                    self.add(path, "with a dot before the name")
            elif path.is_dir():
                self.add(path, why_folders)
            elif suffix not in SUFFIXES:
                self.add(path, f"of a kind that is not read, {suffix or 'no suffix'}")

    def sentence(self, folder: Path | None = None) -> str | None:
        """Return what was noted as one sentence; paths are shown as they are seen from `folder`."""
        if not self._found:
            return None
        parts = []
        for (kind, why), paths in self._found.items():
            several = len(paths) > 1
            example = paths[0].relative_to(folder) if folder else paths[0]
            example = f"{example}{', …' * several}"
            parts.append(f"{len(paths):,} {kind}{'s' * several} {why} ({example})")
        where = f" of {folder}" if folder else ""
        return f"left out{where}: {'; '.join(parts)}"
