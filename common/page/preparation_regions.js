/* Regions of a mask: connected parts, their boxes, their holes. Grids are those of
preparation_grids.js. */
"use strict";

window.Regions = (() => {
  /** First and last row and column of a mask, as a box; null if nothing is set. */
  function box(mask) {
    const found = { top: mask.height, bottom: 0, left: mask.width, right: 0 };
    for (let y = 0, i = 0; y < mask.height; y++) {
      for (let x = 0; x < mask.width; x++, i++) {
        if (mask.values[i]) widen(found, y, x);
      }
    }
    return found.bottom ? found : null;
  }

  /** Number the connected parts of a mask from 1, in the order in which rows meet them.
   * `corners`: pixels that touch at a corner are connected, too. */
  function label({ height, width, values }, corners) {
    const line = width + 2; // with a margin of zeros
    const marks = new Int32Array((height + 2) * line); // -1: of a part, without a number yet
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0, j = (y + 1) * line + 1; x < width; x++, i++, j++) marks[j] = -values[i];
    }
    const steps = corners
      ? [-line - 1, -line, -line + 1, -1, 1, line - 1, line, line + 1]
      : [-line, -1, 1, line];
    const stack = [];
    let parts = 0;
    for (let start = line; start < marks.length; start++) {
      if (marks[start] !== -1) continue;
      marks[start] = ++parts;
      stack.push(start);
      while (stack.length) {
        const i = stack.pop();
        for (let k = 0; k < steps.length; k++) {
          const j = i + steps[k];
          if (marks[j] !== -1) continue;
          marks[j] = parts;
          stack.push(j);
        }
      }
    }
    const labels = Grids.cut(Grids.grid(height + 2, line, marks), {
      top: 1, bottom: height + 1, left: 1, right: width + 1,
    });
    return { labels, parts };
  }

  /** The box of each of the parts that `label` has numbered. */
  function boxes({ height, width, values }, parts) {
    const found = Array.from({ length: parts }, () => ({
      top: height, bottom: 0, left: width, right: 0,
    }));
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        if (values[i]) widen(found[values[i] - 1], y, x);
      }
    }
    return found;
  }

  function widen(box, y, x) {
    if (y < box.top) box.top = y;
    box.bottom = y + 1;
    if (x < box.left) box.left = x;
    if (x >= box.right) box.right = x + 1;
  }

  /** A mask with its holes filled: what cannot be reached from outside. */
  function fillHoles({ height, width, values }) {
    const filled = new Uint8Array(values.length).fill(1);
    const stack = [];
    const reach = (i) => {
      if (values[i] || !filled[i]) return;
      filled[i] = 0;
      stack.push(i);
    };
    for (let x = 0; x < width; x++) {
      reach(x);
      reach(values.length - 1 - x);
    }
    for (let y = 0; y < height; y++) {
      reach(y * width);
      reach((y + 1) * width - 1);
    }
    while (stack.length) {
      const i = stack.pop();
      const x = i % width;
      if (x > 0) reach(i - 1);
      if (x < width - 1) reach(i + 1);
      if (i >= width) reach(i - width);
      if (i + width < values.length) reach(i + width);
    }
    return Grids.grid(height, width, filled);
  }

  return { box, boxes, label, fillHoles };
})();
