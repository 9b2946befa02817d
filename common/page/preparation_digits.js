/* The one digit of a drawing, from its ink (common/pictures/digits.py). */
"use strict";

window.Digits = (() => {
  const MAX_PARTS = 500;
  const SMALL_DIGIT = 24; // pixels of the longer side; such a digit is not blurred
  const ALONE = 2.2; // times as tall as all other shapes: the one digit, beside small marks

  /** Find the digit in what `Ink.findInk` returns: { box: [left, top, right, bottom], ink, notes },
   * or { error } with what the drawing does instead of showing one. A note says what was left out.
   */
  function find({ ink, smoothed }) {
    const { parts, labels, framed } = Parts.find(ink, smoothed, Ink.MIN_SIDE);
    if (!parts.length) {
      const error = "shows no digit: nothing in it has a stroke of 8 pixels or more";
      return { error: `${error}; draw a larger one.` };
    }
    if (parts.length > MAX_PARTS) {
      const error = `shows ${parts.length} separate shapes, more than a page of digits has`;
      return { error: `${error}; clear it and draw one digit.` };
    }
    const { lines: all, small } = Lines.group(parts, labels);
    const { lines: whole, count: cut } = withoutCut(all);
    const { lines, count: marks } = largestAlone(whole);
    const shapes = lines.flat().length;
    if (shapes !== 1) {
      let where = lines.length === 1 ? "side by side" : `in ${lines.length} lines`;
      if (lines.every((line) => line.length === 1)) where = "one above the other";
      const error = `shows ${shapes} shapes ${where}, not one digit`;
      return { error: `${error}; clear it and draw one, with strokes that touch.` };
    }
    const notes = [];
    if (framed) notes.push("a frame around the ink was left out");
    const left = small.length + marks;
    if (left) {
      notes.push(`${number(left, "small mark")} left out (points, minus signs, small print)`);
    }
    if (cut) notes.push(`${number(cut, "shape")} left out that the edge of the picture cuts off`);
    return { ...cutOut(lines[0][0], ink, smoothed, labels), notes };
  }

  function number(count, noun) {
    return `${count} ${noun}${count === 1 ? " was" : "s were"}`;
  }

  /** Leave out what the edge of the picture cuts off: { lines, count }. */
  function withoutCut(lines) {
    const isCut = (digit) => digit.some((part) => part.cut);
    const digits = lines.flat();
    const tallest = (some) => Math.max(...some.map(Lines.heightOf));
    const cut = digits.filter(isCut);
    const whole = digits.filter((digit) => !isCut(digit));
    if (!cut.length || !whole.length || tallest(whole) < 0.4 * tallest(cut)) {
      return { lines, count: 0 };
    }
    const kept = lines.map((line) => line.filter((digit) => !isCut(digit)));
    return { lines: kept.filter((line) => line.length), count: cut.length };
  }

  /** Leave out all shapes but one if it is far larger: { lines, count }. */
  function largestAlone(lines) {
    const digits = lines.flat().sort((one, other) => Lines.heightOf(one) - Lines.heightOf(other));
    const [second, first] = digits.slice(-2);
    if (first && Lines.heightOf(first) >= ALONE * Lines.heightOf(second)) {
      return { lines: [[first]], count: digits.length - 1 };
    }
    return { lines, count: 0 };
  }

  /** The ink of one digit, without that of its neighbours. */
  function cutOut(parts, ink, smoothed, labels) {
    const longer = Math.max(...parts.map((part) => part.longer));
    // Half a stroke width more on each side, to include the soft edges of the strokes.
    const reach = 1 + Math.floor(longer / 20);
    const box = {
      top: Math.max(0, Math.min(...parts.map((part) => part.top)) - reach),
      left: Math.max(0, Math.min(...parts.map((part) => part.left)) - reach),
      bottom: Math.min(ink.height, Math.max(...parts.map((part) => part.bottom)) + reach),
      right: Math.min(ink.width, Math.max(...parts.map((part) => part.right)) + reach),
    };
    const around = Grids.cut(labels, box);
    const own = Grids.between(around, Infinity); // nothing
    for (const part of parts) {
      const mask = Grids.equal(around, part.label);
      for (let i = 0; i < own.values.length; i++) own.values[i] |= mask.values[i];
    }
    const near = Grids.growByNeighbours(own, reach);
    // The strokes of a small digit are as thin as what the blur averages.
    const digit = Grids.cut(longer >= SMALL_DIGIT ? smoothed : ink, box);
    for (let i = 0; i < digit.values.length; i++) {
      const isOther = around.values[i] && !own.values[i];
      if (!near.values[i] || isOther || digit.values[i] < 0) digit.values[i] = 0;
    }
    return { box: [box.left, box.top, box.right, box.bottom], ink: digit };
  }

  return { find };
})();
