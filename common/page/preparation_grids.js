/* Operations on pictures that the preparation needs, as SciPy's ndimage defines them.

A grid is { height, width, values }, row by row. In a mask 0 is false and 1 is true. */
"use strict";

window.Grids = (() => {
  /** Round as Python does: halves to the even number. */
  function roundToEven(number) {
    const below = Math.floor(number);
    const rest = number - below;
    if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
    return below % 2 ? below + 1 : below;
  }

  function grid(height, width, values) {
    return { height, width, values };
  }

  /** A mask of the pixels with more than `low` and at most `high`. */
  function between({ height, width, values }, low, high = Infinity) {
    const mask = new Uint8Array(values.length);
    for (let i = 0; i < mask.length; i++) mask[i] = values[i] > low && values[i] <= high ? 1 : 0;
    return grid(height, width, mask);
  }

  /** A mask of the pixels with one value. */
  function equal({ height, width, values }, value) {
    const mask = new Uint8Array(values.length);
    for (let i = 0; i < mask.length; i++) mask[i] = values[i] === value ? 1 : 0;
    return grid(height, width, mask);
  }

  function not(mask) {
    return equal(mask, 0);
  }

  function and(one, other) {
    const mask = new Uint8Array(one.values.length);
    for (let i = 0; i < mask.length; i++) mask[i] = one.values[i] & other.values[i];
    return grid(one.height, one.width, mask);
  }

  function count({ values }) {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[i];
    return sum;
  }

  /** Rows top to bottom - 1 and columns left to right - 1 of a grid. */
  function cut(picture, { top, bottom, left, right }) {
    const width = right - left;
    const values = new picture.values.constructor((bottom - top) * width);
    for (let y = top; y < bottom; y++) {
      const start = y * picture.width;
      values.set(picture.values.subarray(start + left, start + right), (y - top) * width);
    }
    return grid(bottom - top, width, values);
  }

  /** Put a part at its place in a picture of a size: in zeros, or in `values`. */
  function paste(part, { top, left }, size, values = new Float32Array(size.height * size.width)) {
    const { height, width } = size;
    for (let y = 0; y < part.height; y++) {
      const line = part.values.subarray(y * part.width, (y + 1) * part.width);
      values.set(line, (y + top) * width + left);
    }
    return grid(height, width, values);
  }

  /** The grid with `margin` pixels more on each side: zeros, or what is at the edge. */
  function pad(picture, margin, edge = false) {
    const height = picture.height + 2 * margin;
    const width = picture.width + 2 * margin;
    const values = new picture.values.constructor(height * width);
    for (let y = 0; y < height; y++) {
      const row = Math.min(Math.max(y - margin, 0), picture.height - 1);
      if (!edge && row !== y - margin) continue;
      const line = picture.values.subarray(row * picture.width, (row + 1) * picture.width);
      values.set(line, y * width + margin);
      if (edge) {
        values.fill(line[0], y * width, y * width + margin);
        values.fill(line[line.length - 1], (y + 1) * width - margin, (y + 1) * width);
      }
    }
    return grid(height, width, values);
  }

  /** The four lines along the edge of a grid: top, bottom, left, right. */
  function sides({ height, width, values }) {
    const left = [];
    const right = [];
    for (let y = 0; y < height; y++) {
      left.push(values[y * width]);
      right.push(values[(y + 1) * width - 1]);
    }
    const top = Array.from(values.subarray(0, width));
    return [top, Array.from(values.subarray((height - 1) * width)), left, right];
  }

  /** The largest value within `reach` rows and columns of each pixel. */
  function largest({ height, width, values }, reach) {
    const result = new values.constructor(values);
    const side = 2 * reach + 1;
    const work = new Float64Array(Math.max(height, width) + 2 * reach);
    const slide = (start, step, n) => {
      for (let i = 0; i < n + 2 * reach; i++) {
        work[i] = result[start + Math.min(Math.max(i - reach, 0), n - 1) * step];
      }
      let have = 1; // work[i] is the largest of so many values from i on
      for (; 2 * have <= side; have *= 2) {
        for (let i = 0; i + have < n + 2 * reach; i++) {
          if (work[i + have] > work[i]) work[i] = work[i + have];
        }
      }
      for (let i = 0; i < n; i++) {
        result[start + i * step] = Math.max(work[i], work[i + side - have]);
      }
    };
    for (let y = 0; y < height; y++) slide(y * width, 1, width);
    for (let x = 0; x < width; x++) slide(x, width, height);
    return grid(height, width, result);
  }

  /** The smallest value within `reach` rows and columns of each pixel. */
  function smallest(picture, reach) {
    return negative(largest(negative(picture), reach));
  }

  function negative({ height, width, values }) {
    return grid(height, width, values.map((value) => -value));
  }

  /** A mask grown by squares: all within `reach` rows and columns of it. */
  const grow = largest;

  /** A mask shrunk by squares; beyond the edge of the picture it goes on. */
  function shrink(mask, reach) {
    return not(largest(not(mask), reach));
  }

  /** A mask grown `steps` times by the four neighbours of each pixel. */
  function growByNeighbours({ height, width, values }, steps) {
    const far = height + width;
    const distance = new Int32Array(values.length);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const above = y ? distance[i - width] : far;
        const before = x ? distance[i - 1] : far;
        distance[i] = values[i] ? 0 : Math.min(above, before) + 1;
      }
    }
    for (let y = height - 1, i = values.length - 1; y >= 0; y--) {
      for (let x = width - 1; x >= 0; x--, i--) {
        const below = y < height - 1 ? distance[i + width] : far;
        const after = x < width - 1 ? distance[i + 1] : far;
        distance[i] = Math.min(distance[i], Math.min(below, after) + 1);
      }
    }
    return between(grid(height, width, distance), -1, steps);
  }

  /** For each pixel the nearest one that is 0 in the mask: its index, and its distance.
   * Of several that are equally near the first in its row counts, and then in its column. Without
   * any the index is -1 and the distance infinite. */
  function nearestZero({ height, width, values }) {
    const rows = new Int32Array(values.length).fill(-1); // of the nearest zero in the same column
    for (let x = 0; x < width; x++) {
      let last = -1;
      for (let y = 0; y < height; y++) {
        if (!values[y * width + x]) last = y;
        rows[y * width + x] = last;
      }
      last = -1;
      for (let y = height - 1; y >= 0; y--) {
        const above = rows[y * width + x];
        if (!values[y * width + x]) last = y;
        if (above < 0 || (last >= 0 && last - y < y - above)) rows[y * width + x] = last;
      }
    }
    // In each row the columns' squared distances are parabolas, of which the lowest counts.
    const index = new Int32Array(values.length).fill(-1);
    const distance = new Float64Array(values.length).fill(Infinity);
    const squared = new Float64Array(width);
    const lowest = new Int32Array(width);
    const from = new Float64Array(width); // where each of them begins to be the lowest
    for (let y = 0; y < height; y++) {
      const line = y * width;
      let last = -1;
      for (let x = 0; x < width; x++) {
        const row = rows[line + x];
        if (row < 0) continue;
        squared[x] = (row - y) * (row - y);
        let start = -Infinity;
        while (last >= 0) {
          const other = lowest[last];
          start = (squared[x] + x * x - squared[other] - other * other) / (2 * (x - other));
          if (start > from[last]) break;
          start = -Infinity;
          last--;
        }
        lowest[++last] = x;
        from[last] = start;
      }
      for (let x = 0, k = 0; last >= 0 && x < width; x++) {
        while (k < last && from[k + 1] < x) k++;
        const column = lowest[k];
        index[line + x] = rows[line + column] * width + column;
        distance[line + x] = Math.sqrt(squared[column] + (x - column) * (x - column));
      }
    }
    return { index, distance };
  }

  /** Blur with a Gaussian of standard deviation `sigma`; at its edges the picture is mirrored. */
  function blur({ height, width, values }, sigma) {
    const reach = Math.floor(4 * sigma + 0.5);
    const weights = [];
    for (let k = 0; k <= reach; k++) weights.push(Math.exp((-0.5 * k * k) / (sigma * sigma)));
    const total = weights.reduce((sum, weight, k) => sum + (k ? 2 : 1) * weight, 0);
    const result = new Float32Array(values);
    const work = new Float64Array(Math.max(height, width) + 2 * reach);
    const slide = (start, step, n) => {
      let empty = true;
      for (let i = 0; i < n; i++) {
        work[reach + i] = result[start + i * step];
        if (work[reach + i]) empty = false;
      }
      if (empty) return; // it stays so
      for (let i = 1; i <= reach; i++) {
        work[reach - i] = work[reach + mirrored(-i, n)];
        work[reach + n - 1 + i] = work[reach + mirrored(n - 1 + i, n)];
      }
      for (let i = 0; i < n; i++) {
        let sum = work[reach + i] * weights[0];
        for (let k = reach; k > 0; k--) {
          sum += (work[reach + i - k] + work[reach + i + k]) * weights[k];
        }
        result[start + i * step] = sum / total;
      }
    };
    for (let x = 0; x < width; x++) slide(x, width, height);
    for (let y = 0; y < height; y++) slide(y * width, 1, width);
    return grid(height, width, result);
  }

  /** Where place `i` of a line of `n` pixels is if the line is mirrored at its ends. */
  function mirrored(i, n) {
    const place = ((i % (2 * n)) + 2 * n) % (2 * n);
    return place < n ? place : 2 * n - 1 - place;
  }

  return {
    roundToEven, grid, between, equal, not, and, count, cut, paste, pad, sides, largest, smallest,
    negative, grow, shrink, growByNeighbours, nearestZero, blur,
  };
})();
