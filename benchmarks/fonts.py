"""The digits of fonts as pictures.

Each set of fonts has its own table, which names the package that contains the font: Matplotlib
contains the printed fonts, Debian and Ubuntu the handwritten ones.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

PRINTED = dict.fromkeys(
    (
        *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif"),
        *("DejaVuSerif-Italic", "DejaVuSansMono", "STIXGeneral", "STIXGeneralItalic"),
        *("cmr10", "cmmi10", "cmtt10"),
    ),
    "Matplotlib",
)
HANDWRITTEN = {
    "BecauseWeBuild-Regular": "fonts-bwht",
    "BecauseWeConnect-Regular": "fonts-bwht",
    "BecauseWeCreate-Regular": "fonts-bwht",
    "BecauseWeLearn-Regular": "fonts-bwht",
    "BecauseWeMentor-Regular": "fonts-bwht",
    "BecauseWeOrganize-Regular": "fonts-bwht",
    "dkg": "fonts-dkg-handwriting",
    "Breip": "fonts-breip",
    "Kristi": "fonts-kristi",
    "Rufscript010": "fonts-rufscript",
    "Humor-Sans": "fonts-humor-sans",
    "Isabella": "fonts-isabella",
    "KleeOne-Regular": "fonts-klee",
    "ComicNeue-Regular": "fonts-comic-neue",
    "DancingScript-Regular": "fonts-dancingscript",
    "Ecolier-court": "fonts-ecolier-court",
    "femkeklaver": "fonts-femkeklaver",
}
SIZES = (40, 90, 200)  # pixels


def draw_digit(font: Path, size: int, digit: int) -> bytes:
    """Return a PNG file of a digit in a font, black on white with a margin.

    Args:
        font: the font file.
        size: font size in pixels.
        digit: 0 to 9.
    """
    face = ImageFont.truetype(str(font), size)
    left, top, right, bottom = face.getbbox(str(digit))
    margin = size // 3
    picture = Image.new("L", (right - left + 2 * margin, bottom - top + 2 * margin), 255)
    ImageDraw.Draw(picture).text((margin - left, margin - top), str(digit), 0, face)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def find_fonts(names: Sequence[str]) -> dict[str, Path]:
    """Return the files of those fonts that are part of Matplotlib or installed."""
    import matplotlib
    from matplotlib import font_manager

    own = sorted(Path(matplotlib.get_data_path()).glob("fonts/ttf/*.ttf"))
    installed = sorted(map(Path, font_manager.findSystemFonts()))
    # Matplotlib's own files override installed ones: they are the same on every machine.
    found = {path.stem: path for path in [*installed, *own]}
    return {name: found[name] for name in names if name in found}
