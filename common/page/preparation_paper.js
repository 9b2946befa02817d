/* Find the sheet that the ink is on, as common/pictures/paper.py does.

On a canvas this is rare, but it happens: somebody blackens all around a white field and writes into
it, or draws a 0 so bold that it is a black sheet with a white 1. */
"use strict";

window.Paper = (() => {
  const SEARCH_SIDE = 128; // sheets are looked for on a picture of this size
  const LEAST_AREA = 0.04; // of the picture, that a sheet takes
  const LEAST_TABLE = 0.15; // half the width of what is around a sheet, of the sheet's side
  const MIN_CONTRAST = 0.15; // least difference between a sheet and the ink on it
  const MIN_STEP = 0.06; // least difference between a sheet and what is beside it
  const LEAST_RIM = 0.08; // of the edge of the picture, that a table takes
  const SHARP = 0.8; // of the edge of a sheet must be sharp
  const RECTANGLE = 0.97; // of its box, that a rectangle takes
  const WIDTH_OF_STROKES = 3; // times the widest stroke of its ink, that a sheet is wide at least
  const WIDTH_AROUND_A_DIGIT = 1.5; // the same of a rectangle, or if the ink is not convex
  const MOST_NESTED = 3; // sheets, each on the one before
  const CONVEX = 0.75; // of its convex hull, that ink without a dent or a hole takes

  /** Average a picture down until it has at most `side` rows and columns: float64. */
  function averaged({ height, width, values }, side) {
    const factor = Math.max(1, Math.max(height, width) / side);
    const bounds = (length) => {
      const count = Math.max(1, Grids.roundToEven(length / factor));
      return Array.from({ length: count + 1 }, (_, k) =>
        k === count ? length : Math.floor(k * (length / count)),
      );
    };
    const rows = bounds(height);
    const columns = bounds(width);
    const small = Grids.grid(rows.length - 1, columns.length - 1, null);
    small.values = new Float64Array(small.height * small.width);
    const line = new Float32Array(width);
    for (let k = 0; k < small.height; k++) {
      line.fill(0);
      for (let y = rows[k]; y < rows[k + 1]; y++) {
        for (let x = 0; x < width; x++) line[x] += values[y * width + x];
      }
      for (let j = 0; j < small.width; j++) {
        let sum = 0;
        for (let x = columns[j]; x < columns[j + 1]; x++) sum += line[x] / (rows[k + 1] - rows[k]);
        small.values[k * small.width + j] = sum / (columns[j + 1] - columns[j]);
      }
    }
    return small;
  }

  /** Find a sheet in a picture, float32 from 0 black to 1 white, or a sheet on a sheet. Returns
   * null, as for most, or { place, picture }: its box, and what is in it, in which all that is not
   * on the sheet has the brightness of the nearest paper. */
  function findSheet(picture) {
    let found = null;
    for (let k = 0; k < MOST_NESTED; k++) {
      const next = largestSheet(found ? found.picture : picture);
      if (!next) break;
      const { top, left } = found ? found.place : { top: 0, left: 0 };
      const moves = { top, bottom: top, left, right: left };
      for (const side in moves) next.place[side] += moves[side];
      found = next;
    }
    return found;
  }

  function largestSheet(picture) {
    const small = averaged(picture, SEARCH_SIDE);
    if (Math.min(small.height, small.width) < 16) return null;
    let best = null;
    let most = 0;
    for (const found of sheets(small)) {
      const area = Grids.count(found.sheet);
      if (area > most) [best, most] = [found, area];
    }
    if (!best) return null;
    const inside = Grids.shrink(best.sheet, 2); // without the soft edge of the sheet
    if (!Grids.count(inside)) return null;
    return onSheet(picture, small, inside, Grids.and(inside, best.paper));
  }

  /** The sheets, each with all that has the brightness of its paper: { sheet, paper }. */
  function sheets(small) {
    const [low, high] = Classes.three(small.values);
    const middle = Classes.two(small.values).threshold;
    const papers = [
      Grids.between(small, low),
      Grids.between(small, -Infinity, high),
      Grids.between(small, low, high),
      Grids.between(small, middle),
      Grids.between(small, -Infinity, middle),
      Grids.between(small, high),
      Grids.between(small, -Infinity, low),
    ];
    const found = [];
    for (let n = 0; n < papers.length; n++) {
      const paper = papers[n];
      if (papers.slice(0, n).some((earlier) => same(earlier, paper))) continue;
      const { labels, parts } = Regions.label(paper, false);
      const sizes = new Int32Array(parts + 1);
      for (let i = 0; i < labels.values.length; i++) sizes[labels.values[i]]++;
      for (let k = 1; k <= parts; k++) {
        if (sizes[k] < LEAST_AREA * labels.values.length) continue;
        const part = Grids.equal(labels, k);
        const filled = Regions.fillHoles(part);
        if (isSheet(filled, part, Grids.not(paper), small.values)) {
          found.push({ sheet: filled, paper });
        }
      }
    }
    return found;
  }

  function same(one, other) {
    for (let i = 0; i < one.values.length; i++) {
      if (one.values[i] !== other.values[i]) return false;
    }
    return true;
  }

  function mean(values, mask) {
    let sum = 0;
    mask.values.forEach((inside, i) => (sum += inside ? values[i] : 0));
    return sum / Grids.count(mask);
  }

  /** Whether a region is a sheet with ink on it. `other` is all that has not its brightness. */
  function isSheet(filled, paper, other, values) {
    const area = Grids.count(filled);
    if (area > 0.985 * values.length) return false;
    const outside = Grids.and(other, Grids.not(filled));
    if (rimOf(outside) < LEAST_RIM) return false; // `isOnTable` would see this later
    if (area < 0.9 * hullArea(filled)) return false;
    const place = Regions.box(filled);
    const high = place.bottom - place.top;
    const wide = place.right - place.left;
    const across = high === filled.height || wide === filled.width;
    if (Math.max(high, wide) > 3 * Math.min(high, wide) && across) return false; // a bar
    const ink = Grids.and(filled, other);
    if (longest(ink) < Math.max(4, 0.06 * Math.sqrt(area))) return false;
    if (Math.abs(mean(values, paper) - mean(values, ink)) < MIN_CONTRAST) return false;
    const stroke = halfWidth(ink);
    // A bold 0 has paper outside and inside: its stroke is not much wider than the inside. But a 0
    // is no rectangle, and what is inside of it is convex.
    const certain = area > RECTANGLE * high * wide || !isConvex(ink);
    const times = certain ? WIDTH_AROUND_A_DIGIT : WIDTH_OF_STROKES;
    if (halfWidth(paper) < times * stroke) return false;
    const padded = Grids.pad(filled, 4);
    const closed = Grids.cut(Grids.not(Grids.grow(Grids.not(Grids.grow(padded, 3)), 3)), {
      top: 4, bottom: filled.height + 4, left: 4, right: filled.width + 4,
    });
    if (Grids.count(closed) - area > 0.01 * area) return false; // ink crosses the edge
    // So does the stroke of a thin pen: this is the edge of a shadow.
    if (Grids.count(Grids.and(Grids.shrink(closed, 2), Grids.not(filled)))) return false;
    const least = Math.max(1.5 * stroke, LEAST_TABLE * Math.sqrt(area));
    return isOnTable(filled, paper, outside, values, least);
  }

  /** Whether the largest part is convex and has no hole, as what is inside a 0. */
  function isConvex(ink) {
    const { labels, parts } = Regions.label(ink, true);
    const sizes = new Int32Array(parts + 1);
    for (let i = 0; i < labels.values.length; i++) sizes[labels.values[i]]++;
    sizes[0] = 0;
    const largest = sizes.indexOf(sizes.reduce((most, size) => Math.max(most, size)));
    return sizes[largest] >= CONVEX * hullArea(Grids.equal(labels, largest));
  }

  /** The longer side of the longest connected part. */
  function longest(mask) {
    const { labels, parts } = Regions.label(mask, true);
    return Regions.boxes(labels, parts).reduce(
      (most, { top, bottom, left, right }) => Math.max(most, bottom - top, right - left),
      0,
    );
  }

  /** The radius of the largest circle in a mask, in pixels. */
  function halfWidth(mask) {
    const { top, bottom, left, right } = Regions.box(mask);
    const part = Grids.cut(mask, {
      top: Math.max(top - 1, 0),
      bottom: Math.min(bottom + 1, mask.height),
      left: Math.max(left - 1, 0),
      right: Math.min(right + 1, mask.width),
    });
    return Grids.nearestZero(part).distance.reduce((most, value) => Math.max(most, value), 0);
  }

  /** The fraction of the edge of the picture that a mask covers. */
  function rimOf(mask) {
    const rim = Grids.sides(mask).flat();
    return rim.reduce((sum, value) => sum + value, 0) / rim.length;
  }

  /** A mask of the pixels with less than `most`. */
  function below({ height, width, values }, most) {
    const mask = new Uint8Array(values.length);
    for (let i = 0; i < mask.length; i++) mask[i] = values[i] < most ? 1 : 0;
    return Grids.grid(height, width, mask);
  }

  /** Whether a sheet has a sharp edge, with something at least 2 · `least` wide beside it. */
  function isOnTable(filled, paper, outside, values, least) {
    const { height, width } = filled;
    // What is outside may go on beyond the edge of the picture.
    const more = Math.ceil(least) + 1;
    const padded = Grids.pad(outside, more, true);
    const far = Grids.grid(padded.height, padded.width, Grids.nearestZero(padded).distance);
    const middles = Grids.not(below(far, least));
    const near = Grids.grid(
      padded.height, padded.width, Grids.nearestZero(Grids.not(middles)).distance,
    );
    const around = { top: more, bottom: more + height, left: more, right: more + width };
    const wide = below(Grids.cut(near, around), least + 1);
    const table = Grids.and(outside, wide);
    if (rimOf(table) < LEAST_RIM) return false; // the stroke of a 0 with a speck in it
    const middle = Grids.and(paper, Grids.shrink(filled, 2));
    if (!Grids.count(middle)) return false;
    const beside = Grids.nearestZero(Grids.not(table));
    const inside = Grids.nearestZero(Grids.not(middle));
    const edge = Grids.and(filled, Grids.grow(Grids.not(filled), 1));
    const whole = Math.abs(mean(values, paper) - mean(values, table));
    let clear = 0;
    edge.values.forEach((isEdge, i) => {
      if (!isEdge) return;
      const [y, x] = [Math.floor(i / width), i % width];
      const [row, column] = [Math.floor(beside.index[i] / width), beside.index[i] % width];
      const further = (to, at, n) => Math.min(Math.max(to + 2 * (to - at), 0), n - 1);
      const place = further(row, y, height) * width + further(column, x, width);
      const step = Math.abs(values[place] - values[inside.index[i]]);
      if (beside.distance[i] <= 3 && step > Math.max(MIN_STEP, 0.5 * whole)) clear++;
    });
    return clear / Grids.count(edge) > SHARP;
  }

  /** The area of the convex hull of a mask. */
  function hullArea({ height, width, values }) {
    const corners = [];
    for (let y = 0; y < height; y++) {
      const row = values.subarray(y * width, (y + 1) * width);
      const left = row.indexOf(1);
      if (left < 0) continue;
      for (const x of [left, row.lastIndexOf(1) + 1]) corners.push([x, y], [x, y + 1]);
    }
    corners.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
    const half = (points) => {
      const hull = [];
      for (const [x, y] of points) {
        while (hull.length > 1) {
          const [[x1, y1], [x2, y2]] = hull.slice(-2);
          if ((x2 - x1) * (y - y1) > (y2 - y1) * (x - x1)) break;
          hull.pop();
        }
        hull.push([x, y]);
      }
      return hull.slice(0, -1);
    };
    const hull = [...half(corners), ...half(corners.reverse())];
    let twice = 0;
    hull.forEach(([x, y], k) => {
      const [nextX, nextY] = hull[(k + 1) % hull.length];
      twice += x * nextY - nextX * y;
    });
    return twice / 2;
  }

  /** Cut the sheet out of a picture and paint what is not on it. */
  function onSheet(picture, small, inside, paper) {
    const { index } = Grids.nearestZero(Grids.not(Grids.count(paper) ? paper : inside));
    const bounds = Regions.box(inside);
    const lines = (length, count) =>
      Array.from({ length }, (_, k) => Math.min(Math.floor(k / (length / count)), count - 1));
    const rows = lines(picture.height, small.height);
    const columns = lines(picture.width, small.width);
    const first = (line, number) => {
      const k = line.findIndex((value) => value >= number);
      return k < 0 ? line.length : k;
    };
    const place = {
      top: first(rows, bounds.top),
      bottom: first(rows, bounds.bottom),
      left: first(columns, bounds.left),
      right: first(columns, bounds.right),
    };
    const sheet = Grids.cut(picture, place);
    for (let y = place.top, i = 0; y < place.bottom; y++) {
      for (let x = place.left; x < place.right; x++, i++) {
        const at = rows[y] * small.width + columns[x];
        if (!inside.values[at]) sheet.values[i] = small.values[index[at]];
      }
    }
    return { place, picture: sheet };
  }

  return { findSheet, hullArea };
})();
