/* Scale a digit and centre it as in MNIST (common/pictures/fitting.py). */
"use strict";

window.Fitting = (() => {
  const BOX_FRACTION = 20 / 28; // of the height and width of an image that MNIST's digits take
  // Of the longer side, which takes 20 pixels in MNIST: thinner strokes are widened and wider ones
  // are thinned, as MNIST has few.
  const MIN_STROKE = 1.7 / 20;
  const MAX_STROKE = 4 / 20;
  const FINE = 160; // pixels of the longer side of a digit whose strokes are changed by pixels

  /** Place a digit, a grid from 0 paper to 1 ink, in an image of [height, width]: Uint8Array, 255
   * for ink. It takes at most 20/28 of the image, with its centre of mass in the middle. */
  function fit(digit, [height, width]) {
    // Values below are noise, values above are full ink.
    const clear = digit.values.map((value) => Math.min(Math.max((value - 0.1) / 0.9, 0), 1));
    const ink = withUsualStroke(Grids.grid(digit.height, digit.width, clear));
    const small = scaled(ink, BOX_FRACTION * height, BOX_FRACTION * width);
    const [rows, columns] = [small.height, small.width];
    const most = small.values.reduce((greatest, value) => Math.max(greatest, value), 1e-6);
    const values = small.values.map((value) => value / most);
    const [down, right] = centreOf(values, columns);
    // The inner rounding keeps the last digits of the sums from deciding between two pixels.
    const start = (whole, centre, side) => {
      const place = Math.round((whole / 2 - centre) * 1e4) / 1e4;
      return Math.min(Math.max(Grids.roundToEven(place), 0), whole - side);
    };
    const [top, left] = [start(height, down, rows), start(width, right, columns)];
    const image = new Uint8Array(height * width);
    values.forEach((value, i) => {
      const place = (top + Math.floor(i / columns)) * width + left + (i % columns);
      image[place] = Grids.roundToEven(Math.fround(value * 255));
    });
    return image;
  }

  /** The row and the column of the centre of mass. */
  function centreOf(values, width) {
    let [sum, down, right] = [0, 0, 0];
    values.forEach((value, i) => {
      sum += value;
      down += value * Math.floor(i / width);
      right += value * (i % width);
    });
    return [down / sum, right / sum];
  }

  /** Cut a digit out and scale it to the largest size that is neither higher nor wider. */
  function scaled(ink, mostHigh, mostWide) {
    const box = Regions.box(Grids.between(ink, 0.3));
    const [high, wide] = [box.bottom - box.top, box.right - box.left];
    const scale = Math.min(mostHigh / high, mostWide / wide);
    const rows = Math.max(1, Grids.roundToEven(high * scale));
    const columns = Math.max(1, Grids.roundToEven(wide * scale));
    // Enlarging interpolates; averaging would only repeat the pixels.
    return resize(ink, box, rows, columns, scale < 1);
  }

  /** Widen strokes that would be paler than any in MNIST, and thin those that fill a digit. */
  function withUsualStroke(digit) {
    const ink = Math.max(digit.height, digit.width) < FINE ? scaled(digit, FINE, FINE) : digit;
    const mask = Grids.between(ink, 0.5);
    const box = Regions.box(mask);
    if (!box) return ink;
    const side = Math.max(box.bottom - box.top, box.right - box.left);
    // The mean distance of the pixels of a stroke of width w to its edge is w / 4.
    const { distance } = Grids.nearestZero(Grids.pad(mask, 1));
    const width = (4 * distance.reduce((sum, value) => sum + value, 0)) / Grids.count(mask);
    const missing = Math.trunc((MIN_STROKE * side - width) / 2 + 0.5);
    if (missing >= 1) return widen(Grids.pad(ink, missing), missing);
    // What is taken off the strokes is taken off the longer side, too: (width - 2 · surplus) /
    // (side - 2 · surplus) = MAX_STROKE, in the size in which it is taken off.
    const surplus = Math.trunc(((width / side - MAX_STROKE) / (1 - MAX_STROKE) / 2) * FINE);
    if (surplus >= 1) {
      const thin = narrow(scaled(ink, FINE, FINE), surplus);
      if (thin.values.some((value) => value > 0.5)) return thin;
    }
    return ink;
  }

  /** The largest value in a disc around each pixel: row by row of the disc, narrow ones first. */
  function widen({ height, width, values }, radius) {
    const result = values.slice();
    const wide = values.slice(); // the largest value within `half` columns
    let half = 0;
    for (let dy = radius; dy >= 0; dy--) {
      const reach = Math.floor(Math.sqrt(radius * radius - dy * dy));
      for (; half < reach; half++) widenRows(wide, width);
      const step = dy * width;
      for (let i = 0; i + step < wide.length; i++) {
        if (wide[i + step] > result[i]) result[i] = wide[i + step];
        if (wide[i] > result[i + step]) result[i + step] = wide[i];
      }
    }
    return Grids.grid(height, width, result);
  }

  /** Replace each value by the largest of itself and its neighbours on the left and right. */
  function widenRows(values, width) {
    for (let start = 0; start < values.length; start += width) {
      let before = values[start];
      for (let i = start; i < start + width; i++) {
        const value = values[i];
        const after = i + 1 < start + width ? values[i + 1] : value;
        values[i] = Math.max(before, value, after);
        before = value;
      }
    }
  }

  /** The smallest value in a disc around each pixel; beyond the edge there is paper. */
  function narrow(ink, radius) {
    const wider = Grids.negative(widen(Grids.negative(Grids.pad(ink, radius)), radius));
    const [bottom, right] = [radius + ink.height, radius + ink.width];
    return Grids.cut(wider, { top: radius, bottom, left: radius, right });
  }

  /** Resample a box of a picture to another size as Pillow does: the mean of the pixels that become
   * one, or linear interpolation, to which pixels beside the box contribute. */
  function resize({ height, width, values }, box, newHeight, newWidth, average) {
    const columns = weightsOf(width, box.left, box.right, newWidth, average);
    const wide = new Float32Array(height * newWidth);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < newWidth; x++, i++) {
        const { first, weights } = columns[x];
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += values[y * width + first + k] * weights[k];
        wide[i] = sum;
      }
    }
    const small = new Float32Array(newHeight * newWidth);
    weightsOf(height, box.top, box.bottom, newHeight, average).forEach(({ first, weights }, y) => {
      for (let x = 0; x < newWidth; x++) {
        let sum = 0;
        weights.forEach((weight, k) => (sum += wide[(first + k) * newWidth + x] * weight));
        small[y * newWidth + x] = sum;
      }
    });
    return Grids.grid(newHeight, newWidth, small);
  }

  /** For each new pixel of a line: the first of the old ones that count, and their weights. */
  function weightsOf(length, start, end, newLength, average) {
    const scale = (end - start) / newLength;
    const filter = average
      ? (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)
      : (x) => Math.max(1 - Math.abs(x), 0);
    const spread = Math.max(scale, 1);
    const support = (average ? 0.5 : 1) * spread;
    return Array.from({ length: newLength }, (_, k) => {
      const centre = start + (k + 0.5) * scale;
      const first = Math.max(Math.trunc(centre - support + 0.5), 0);
      const last = Math.min(Math.trunc(centre + support + 0.5), length) - 1;
      const weights = [];
      for (let i = first; i <= last; i++) weights.push(filter((i - centre + 0.5) / spread));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return { first, weights: weights.map((weight) => (total ? weight / total : weight)) };
    });
  }

  return { fit };
})();
