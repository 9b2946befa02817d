/* Distort a prepared image: shift, rotation, stroke width and noise, as
common/comparison/distortions.py defines them. The networks then see the result, so that a visitor
finds where each of them breaks. */
"use strict";

window.Distortion = (() => {
  const NEIGHBOURS = [[-1, 0], [0, 1], [1, 0], [0, -1]]; // down, right

  /** Distort an image.
   *
   * image: Uint8Array, 0 paper to 255 ink, row by row
   * shape: [height, width]
   * right, down: whole pixels that it moves; what leaves the image is lost
   * degrees: that it turns anticlockwise, about its centre
   * stroke: pixels added on each side of a stroke, negative to take away; fractions are allowed
   * noise: the standard deviation of Gaussian noise, where ink is 1
   * seed: of that noise, so that it stays the same while something else changes
   *
   * Returns a Uint8Array. The order is: stroke width, rotation, shift, noise. */
  function apply(image, options) {
    const { shape, right = 0, down = 0, degrees = 0, stroke = 0, noise = 0, seed = 0 } = options;
    let ink = new Float32Array(image).map((value) => value / 255);
    if (stroke) ink = withStroke(ink, shape, stroke);
    if (degrees) ink = rotated(ink, shape, degrees);
    if (right || down) ink = shifted(ink, shape, down, right);
    if (noise) ink = withNoise(ink, noise, seed);
    return Uint8Array.from(ink, (value) => Math.round(255 * value));
  }

  /** Move an image down and to the right by whole pixels. */
  function shifted(ink, [height, width], down, right) {
    const result = new Float32Array(ink.length);
    for (let y = Math.max(down, 0); y < Math.min(height + down, height); y++) {
      for (let x = Math.max(right, 0); x < Math.min(width + right, width); x++) {
        result[y * width + x] = ink[(y - down) * width + x - right];
      }
    }
    return result;
  }

  /** Turn an image anticlockwise; it is interpolated linearly, outside there is paper. */
  function rotated(ink, [height, width], degrees) {
    const angle = (degrees * Math.PI) / 180;
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    const [middleY, middleX] = [(height - 1) / 2, (width - 1) / 2];
    const at = (y, x) => (y < 0 || x < 0 || y >= height || x >= width ? 0 : ink[y * width + x]);
    return ink.map((_, i) => {
      const [y, x] = [Math.floor(i / width) - middleY, (i % width) - middleX];
      const fromY = cosine * y + sine * x + middleY;
      const fromX = cosine * x - sine * y + middleX;
      const [top, left] = [Math.floor(fromY), Math.floor(fromX)];
      const [below, after] = [fromY - top, fromX - left];
      const upper = at(top, left) * (1 - after) + at(top, left + 1) * after;
      const lower = at(top + 1, left) * (1 - after) + at(top + 1, left + 1) * after;
      return upper * (1 - below) + lower * below;
    });
  }

  /** Widen strokes, or thin them: a whole pixel is the largest (or smallest) of a pixel and its
   * four neighbours, and a part of one is a mean of before and after. */
  function withStroke(ink, shape, pixels) {
    const extreme = pixels > 0 ? Math.max : Math.min;
    for (let left = Math.abs(pixels); left > 0; left--) {
      const part = Math.min(left, 1);
      let wider = ink;
      for (const [down, right] of NEIGHBOURS) {
        const neighbours = shifted(ink, shape, down, right);
        wider = wider.map((value, i) => extreme(value, neighbours[i]));
      }
      ink = ink.map((value, i) => (1 - part) * value + part * wider[i]);
    }
    return ink;
  }

  /** Add Gaussian noise. */
  function withNoise(ink, sigma, seed) {
    const normal = normals(seed);
    return ink.map((value) => Math.min(Math.max(value + sigma * normal(), 0), 1));
  }

  /** A generator of standard normal numbers, the same for the same seed (Box and Muller, 1958). */
  function normals(seed) {
    const uniform = uniforms(seed);
    let spare = null;
    return () => {
      if (spare !== null) {
        const kept = spare;
        spare = null;
        return kept;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    };
  }

  /** A generator of numbers from 0 to 1, without 1: a 32-bit counter whose bits are mixed as in
   * MurmurHash3's last step. */
  function uniforms(seed) {
    let state = Math.imul(seed, 0x9e3779b9) >>> 0;
    return () => {
      state = (state + 0x9e3779b9) >>> 0;
      let bits = state;
      bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
      bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
      return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
    };
  }

  return { apply };
})();
