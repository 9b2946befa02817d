/* How much ink each pixel of a drawing has, as common/pictures/ink.py computes it.

A canvas has no colours and no uneven light: its paper is white, its strokes are black with soft
edges. So of Python's three equal channels one is left, times the square root of 3. What stays is
what a drawing can bring about: strokes at the edge of the canvas, and black areas that are too wide
for strokes and count as shadows. */
"use strict";

window.Ink = (() => {
  const CLEAR = 4; // standard deviations of the paper between ink and paper: two clear classes
  const MIN_SIDE = 8; // pixels that the longer side of a sheet, and of a digit, must have
  const MIN_CONTRAST = 0.06; // least difference between ink and paper
  const LIGHT_SIDE = 96; // the light is estimated on a picture of this size
  const CLEAR_CONTRAST = 0.25; // least difference between two clear classes
  const LONGEST_RUN = 0.7; // of a side that ink can cover; what runs on for longer is a shadow
  const WIDEST_STROKE = 1 / 3; // of the picture; wider differences are shadows
  const CHANNELS = Math.sqrt(3);

  /** Find the ink of a picture, { height, width, values } from 0 black to 1 white:
   * { ink, smoothed }, float32, 0 for paper, about 1 for ink, and the same blurred. Null if the
   * picture is blank. */
  function findInk(picture) {
    const sheet = Paper.findSheet(picture);
    if (sheet && Math.min(sheet.picture.height, sheet.picture.width) >= MIN_SIDE) {
      const part = inkOf(sheet.picture);
      if (part) {
        const ink = Grids.paste(part.ink, sheet.place, picture);
        return { ink, smoothed: smooth(ink) };
      }
    }
    return inkOf(picture);
  }

  /** Blur by a pixel, small pictures by half a pixel: the soft edges then count as ink. */
  function smooth(ink) {
    return Grids.blur(ink, Math.max(ink.height, ink.width) >= 100 ? 1 : 0.5);
  }

  function inkOf(picture) {
    const small = blocks(picture, Math.ceil(Math.max(picture.height, picture.width) / LIGHT_SIDE));
    const written = inkAtEdges(small);
    const surface = Surface.throughEdges(small, written);
    let sum = 0; // of the differences from the paper, the large ones weighted most
    small.values.forEach((value, i) => {
      const difference = value - surface[i];
      sum += 3 * difference * difference * difference;
    });
    if (CHANNELS * Math.abs(sum) < 1e-9) return null;
    const direction = Math.sign(sum) * CHANNELS; // negative for dark ink
    const light = lightOf(small, written, surface, direction);
    return inLevels(withoutLight(picture, light, direction));
  }

  /** Move the paper to 0 and the darkest ink to about 1; null if there is none. */
  function inLevels(ink) {
    const smoothed = smooth(ink);
    const classes = Classes.two(smoothed.values);
    const isClear = classes.contrast > Math.max(CLEAR_CONTRAST, CLEAR * classes.lowSpread);
    // A drawing can have more ink than paper: the median of all would be ink.
    const { middle, noise } = levelOf(smoothed.values, isClear ? classes.threshold : Infinity);
    const least = middle + 4 * noise + MIN_CONTRAST / 2;
    let [sum, squares] = [0, 0];
    for (let i = 0; i < smoothed.values.length; i++) {
      if (smoothed.values[i] <= least) continue;
      const clear = Math.fround(smoothed.values[i] - middle);
      sum += clear;
      squares += clear * clear;
    }
    const level = squares / sum; // a mean weighted towards the darkest ink
    if (!sum || level < Math.max(MIN_CONTRAST, 5 * noise)) return null;
    for (const { values } of [ink, smoothed]) {
      for (let i = 0; i < values.length; i++) values[i] = Math.fround(values[i] - middle) / level;
    }
    return { ink, smoothed };
  }

  /** The median of the values up to `most`, and their spread about it, as a standard deviation. */
  function levelOf(values, most) {
    let [number, same] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      if (values[i] <= most) number++;
      if (values[i] === values[0]) same++;
    }
    if (values[0] <= most && same > number / 2 + 1) return { middle: values[0], noise: 0 };
    const paper = values.filter((value) => value <= most);
    const middle = median(paper);
    return { middle, noise: 1.4826 * median(paper.map((value) => Math.abs(value - middle))) };
  }

  /** The median of float32 numbers, which are reordered. */
  function median(numbers) {
    const half = numbers.length >> 1;
    moveInPlace(numbers, half);
    if (numbers.length % 2) return numbers[half];
    let below = -Infinity;
    for (let i = 0; i < half; i++) if (numbers[i] > below) below = numbers[i];
    return Math.fround((below + numbers[half]) / 2);
  }

  /** Reorder numbers so that number k is where it would be if they were sorted: the smaller ones
   * are before it, the larger ones after it (Hoare's selection). */
  function moveInPlace(numbers, k) {
    let [first, last] = [0, numbers.length - 1];
    while (first < last) {
      const pivot = numbers[(first + last) >> 1];
      let [i, j] = [first, last];
      while (i <= j) {
        while (numbers[i] < pivot) i++;
        while (numbers[j] > pivot) j--;
        if (i <= j) {
          const value = numbers[i];
          numbers[i++] = numbers[j];
          numbers[j--] = value;
        }
      }
      if (k <= j) last = j;
      else if (k >= i) first = i;
      else return;
    }
  }

  /** Average blocks of `factor` x `factor` pixels; beyond its edges the picture goes on. */
  function blocks({ height, width, values }, factor) {
    // For each block of a line the places of its pixels.
    const places = (length) => {
      const first = Math.min(factor >> 1, length - 1);
      const count = Math.ceil((length - first) / factor);
      const start = first - (factor >> 1);
      return Array.from({ length: count }, (_, k) =>
        Array.from({ length: factor }, (_, j) =>
          Math.min(Math.max(start + k * factor + j, 0), length - 1),
        ),
      );
    };
    const [rows, columns] = [places(height), places(width)];
    const small = new Float32Array(rows.length * columns.length);
    const line = new Float32Array(width);
    rows.forEach((group, y) => {
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < factor; k++) sum += values[group[k] * width + x];
        line[x] = sum / factor;
      }
      columns.forEach((block, x) => {
        let sum = 0;
        for (let k = 0; k < factor; k++) sum += line[block[k]];
        small[y * columns.length + x] = sum / factor;
      });
    });
    return Grids.grid(rows.length, columns.length, small);
  }

  /** Where the ink reaches the edge of the picture, so that it is not taken for paper: the rarer of
   * two clear classes, unless it runs on along most of a side. Only the edge is of use. */
  function inkAtEdges(small) {
    const mean = small.values.reduce((sum, value) => sum + value, 0) / small.values.length;
    const values = small.values.map((value) => CHANNELS * (value - mean));
    const classes = Classes.two(values);
    const centred = Grids.grid(small.height, small.width, values);
    const high = Grids.between(centred, classes.threshold);
    const none = Grids.grid(small.height, small.width, new Uint8Array(values.length));
    const edge = Surface.edgeOf(small);
    let [area, covered] = [0, 0];
    edge.forEach((isEdge, i) => {
      area += isEdge;
      covered += isEdge & high.values[i];
    });
    const rare = covered < 0.5 * area;
    const ink = rare ? high : Grids.not(high);
    const spread = rare ? classes.lowSpread : classes.highSpread;
    if (classes.contrast < Math.max(CLEAR_CONTRAST, CLEAR * spread)) return none;
    const longer = Math.max(small.height, small.width);
    for (const line of Grids.sides(ink)) {
      if (longestRun(line) > LONGEST_RUN * Math.max(line.length, 0.6 * longer)) return none;
    }
    return Grids.growByNeighbours(ink, 1);
  }

  function longestRun(line) {
    let [most, run] = [0, 0];
    for (const value of line) {
      run = value ? run + 1 : 0;
      most = Math.max(most, run);
    }
    return most;
  }

  /** The light of a small picture, times the direction of the ink: all that is wider than a third
   * of the picture, by a morphological opening. Beyond the edges the paper goes on. */
  function lightOf(small, written, surface, direction) {
    const { height, width } = small;
    const times = (values) => Grids.grid(height, width, values.map((value) => direction * value));
    const beyond = small.values.map((value, i) => (written.values[i] ? surface[i] : value));
    const side = Math.max(3, Math.floor(Math.max(height, width) * WIDEST_STROKE)) | 1;
    const place = { top: side, bottom: side + height, left: side, right: side + width };
    const around = Grids.pad(times(beyond), side, true);
    const padded = Grids.paste(times(small.values), place, around, around.values);
    const narrowed = Grids.smallest(padded, side >> 1);
    const isEven = narrowed.values.every((value) => value === narrowed.values[0]);
    return Grids.cut(isEven ? narrowed : Grids.largest(narrowed, side >> 1), place);
  }

  /** Subtract the light from a picture, and even out the contrast of dark ink. */
  function withoutLight({ height, width, values }, light, direction) {
    const ink = new Float32Array(values.length);
    if (light.values.every((value) => value === light.values[0])) {
      const [level] = light.values;
      for (let i = 0; i < ink.length; i++) ink[i] = Math.fround(direction * values[i]) - level;
      return Grids.grid(height, width, ink);
    }
    const levels = enlarge(light, height, width);
    for (let i = 0; i < ink.length; i++) ink[i] = Math.fround(direction * values[i]) - levels[i];
    if (direction > 0) return Grids.grid(height, width, ink);
    // Dark ink absorbs a fraction of the light, so its contrast is lower in a shadow.
    const shares = levels.map((value) => Math.max(value / direction, 0.1));
    const most = shares.reduce((one, other) => Math.max(one, other));
    for (let i = 0; i < ink.length; i++) ink[i] = Math.fround(ink[i] * most) / shares[i];
    return Grids.grid(height, width, ink);
  }

  /** Interpolate a picture to another size; the corners of both coincide. */
  function enlarge({ height, width, values }, newHeight, newWidth) {
    const places = (length, newLength) =>
      Array.from({ length: newLength }, (_, k) => {
        const place = newLength > 1 ? k * ((length - 1) / (newLength - 1)) : 0;
        const below = Math.min(Math.floor(place), Math.max(length - 2, 0));
        return { below, after: Math.min(below + 1, length - 1), rest: place - below };
      });
    const columns = places(width, newWidth);
    const result = new Float32Array(newHeight * newWidth);
    let i = 0;
    for (const { below, after, rest } of places(height, newHeight)) {
      const upper = values.subarray(below * width, (below + 1) * width);
      const lower = values.subarray(after * width, (after + 1) * width);
      for (const column of columns) {
        const above = upper[column.below] * (1 - column.rest) + upper[column.after] * column.rest;
        const under = lower[column.below] * (1 - column.rest) + lower[column.after] * column.rest;
        result[i++] = above * (1 - rest) + under * rest;
      }
    }
    return result;
  }

  return { MIN_SIDE, findInk };
})();
