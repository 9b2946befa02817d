/* The brightness of the paper: a smooth surface through the edges of a picture
(`_surface_through_edges` in common/pictures/ink.py). */
"use strict";

window.Surface = (() => {
  const CHANNELS = Math.sqrt(3); // Python's distances are those of three equal channels

  /** A mask of the outer pixels of a picture. */
  function edgeOf({ height, width }) {
    const margin = Math.max(1, Grids.roundToEven(0.06 * Math.max(height, width)));
    const inner = (k, length) => k >= margin && k < length - margin;
    const mask = new Uint8Array(height * width);
    for (let i = 0; i < mask.length; i++) {
      mask[i] = inner(Math.floor(i / width), height) && inner(i % width, width) ? 0 : 1;
    }
    return mask;
  }

  /** Fit a quadratic surface to the outer pixels that no ink covers.
   * The fit minimises the sum of the distances, not of their squares, by iteratively reweighted
   * least squares. So ink that touches the edge has little influence. */
  function throughEdges(small, written) {
    const edge = edgeOf(small);
    const free = both(edge, (i) => !written.values[i]);
    const points = free.length ? free : both(edge, () => true);
    const wanted = points.map((i) => small.values[i]);
    const terms = new Float64Array(6);
    const surface = new Float32Array(small.values.length);
    if (wanted.every((value) => value === wanted[0])) return surface.fill(wanted[0]);
    let factors = new Float64Array(6);
    let weight = () => 1;
    for (let round = 0; round < 12; round++) {
      const rows = Array.from({ length: 6 }, () => new Float64Array(7)); // the normal equations
      let total = 0;
      for (let k = 0; k < points.length; k++) {
        setTerms(terms, points[k], small);
        const weighted = weight(dot(terms, factors) - wanted[k]);
        total += weighted;
        for (let i = 0; i < 6; i++) {
          for (let j = 0; j < 6; j++) rows[i][j] += weighted * terms[i] * terms[j];
          rows[i][6] += weighted * terms[i] * wanted[k];
        }
      }
      // The small number on the diagonal keeps the system solvable for narrow pictures.
      for (let i = 0; i < 6; i++) rows[i][i] += 1e-6 * total;
      factors = solve(rows);
      weight = (error) => 1 / Math.max(CHANNELS * Math.abs(error), 0.01);
    }
    for (let i = 0; i < surface.length; i++) {
      setTerms(terms, i, small);
      surface[i] = dot(terms, factors);
    }
    return surface;
  }

  /** The indices that a mask and a condition select. */
  function both(mask, holds) {
    const found = [];
    for (let i = 0; i < mask.length; i++) if (mask[i] && holds(i)) found.push(i);
    return found;
  }

  /** The terms of the surface at a pixel, whose row and column go from -1 to 1. */
  function setTerms(terms, i, { height, width }) {
    const y = height > 1 ? (2 * Math.floor(i / width)) / (height - 1) - 1 : -1;
    const x = width > 1 ? (2 * (i % width)) / (width - 1) - 1 : -1;
    terms[0] = 1;
    terms[1] = x;
    terms[2] = y;
    terms[3] = x * y;
    terms[4] = x * x;
    terms[5] = y * y;
  }

  function dot(one, other) {
    let sum = 0;
    for (let i = 0; i < one.length; i++) sum += one[i] * other[i];
    return sum;
  }

  /** Solve linear equations by Gaussian elimination; the last column is the right-hand side. */
  function solve(rows) {
    const n = rows.length;
    for (let k = 0; k < n; k++) {
      let pivot = k;
      for (let i = k + 1; i < n; i++) {
        if (Math.abs(rows[i][k]) > Math.abs(rows[pivot][k])) pivot = i;
      }
      [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
      for (let i = 0; i < n; i++) {
        if (i === k) continue;
        const factor = rows[i][k] / rows[k][k];
        for (let j = k; j <= n; j++) rows[i][j] -= factor * rows[k][j];
      }
    }
    return Float64Array.from(rows, (row, k) => row[n] / row[k]);
  }

  return { edgeOf, throughEdges };
})();
