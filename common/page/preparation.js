/* Prepare a drawing for a network that was trained on MNIST: what the network sees.

These are the steps of common/pictures, file by file, as far as a canvas needs them: it has no
colours, no uneven light and no noise, and at most 640 pixels on a side. For the same pixels the
result is that of `python -m common.predict`; tests/page/test_preparation.py compares them. One step
is left out: that which smooths pictures that were enlarged by repeating their pixels. It would
change a drawing only if all its edges were straight lines from one side of the canvas to the other.

    preparation_paper.js    a sheet, if what is drawn looks like one
    preparation_ink.js      how much ink each pixel has
    preparation_surface.js  ... and how bright the paper is, where strokes reach the edge
    preparation_parts.js    connected parts, without frames, lines along the edge, specks
    preparation_lines.js    parts -> lines, and in each its digits
    preparation_digits.js   the one digit, and what was left out
    preparation_fitting.js  at most 20 pixels long, centred by mass in 28 x 28

Operations: preparation_classes.js (thresholds), preparation_grids.js, preparation_regions.js */
"use strict";

window.Preparation = (() => {
  const BLANK = "is blank: nothing in it differs clearly from the background; draw a digit.";

  /** Prepare a drawing.
   *
   * canvas: { width, height, grey }, grey from 0 black to 255 white, row by row
   * network: { shape: [height, width], polarity: "light on dark" | "dark on light" | null }
   *
   * Returns { image: Uint8Array, box: [left, top, right, bottom] in the canvas, notes: what was
   * left out, a phrase each }; or { error: a sentence }. */
  function prepare({ width, height, grey }, { shape, polarity }) {
    const brightness = new Float32Array(grey.length);
    for (let i = 0; i < grey.length; i++) brightness[i] = grey[i] / 255;
    const found = Ink.findInk(Grids.grid(height, width, brightness));
    const digit = found ? Digits.find(found) : { error: BLANK };
    if (digit.error) return { error: `The drawing ${digit.error}` };
    const image = Fitting.fit(digit.ink, shape);
    const asTrained = polarity === "dark on light" ? image.map((value) => 255 - value) : image;
    return { image: asTrained, box: digit.box, notes: digit.notes };
  }

  return { prepare };
})();
