/* The connected parts of the ink, without what is not writing: frames, what runs along the edge,
lines, specks (common/pictures/parts.py).

A part is { label, top, bottom, left, right, height, width, longer, mass, cut }: its number in the
labels, its box, the longer side of that, its ink, and whether the edge of the picture cuts it. */
"use strict";

window.Parts = (() => {
  const INK = 0.4; // pixels with more ink than this belong to a part
  const LEAST_INSIDE = 0.18; // of the longer side of a frame, that what is in it must have
  const ALONG_EDGE = 0.5; // of a side of the picture: what touches it for longer is no digit
  const WIDEST_STROKE = 0.22; // half the width of a digit's strokes, of its longer side
  const SPECK = 0.12; // of the largest part's longer side
  const SPECK_MASS = 0.03; // of the largest part's ink

  /** Find the parts that can be writing: { parts, labels, framed }.
   * `smoothed` is the blurred ink, `least` the pixels that the largest part must have. */
  function find(ink, smoothed, least) {
    const { labels, parts: number } = Regions.label(
      Grids.between(smoothed, INK), true,
    );
    const masses = new Float64Array(number + 1);
    for (let i = 0; i < ink.values.length; i++) masses[labels.values[i]] += ink.values[i];
    const all = Regions.boxes(labels, number)
      .map((box, k) => partOf(box, k + 1, masses[k + 1], labels))
      .filter((part) => part.longer >= 3);
    const inside = insideFrames(all, labels);
    const parts = withoutSpecks(withoutSurroundings(inside, labels), least);
    return { parts, labels, framed: inside.length < all.length };
  }

  function partOf({ top, bottom, left, right }, label, mass, picture) {
    const [height, width] = [bottom - top, right - left];
    const cut = !top || !left || bottom === picture.height || right === picture.width;
    const longer = Math.max(height, width);
    return { label, top, bottom, left, right, height, width, longer, mass, cut };
  }

  /** The pixels of a part in its box, as a mask. */
  function maskOf(part, labels) {
    return Grids.equal(Grids.cut(labels, part), part.label);
  }

  function contains(one, other) {
    return (
      one.top <= other.top &&
      one.left <= other.left &&
      one.bottom >= other.bottom &&
      one.right >= other.right
    );
  }

  /** Leave out frames, and what is outside of them unless it is as tall as what is inside. */
  function insideFrames(parts, labels) {
    const frames = new Set();
    const within = new Set(); // numbers
    // A frame is larger than what is in it.
    const large = [...parts].sort((one, other) => other.longer - one.longer).slice(0, 40);
    for (const part of large) {
      const inner = parts.filter(
        (other) =>
          other !== part && contains(part, other) && other.longer >= LEAST_INSIDE * part.longer,
      );
      if (!inner.length) continue;
      const filled = Regions.fillHoles(maskOf(part, labels));
      const numbers = new Set();
      Grids.cut(labels, part).values.forEach((number, i) => {
        if (filled.values[i]) numbers.add(number);
      });
      if (!inner.some((other) => numbers.has(other.label))) continue;
      frames.add(part);
      for (const other of parts) {
        if (other !== part && numbers.has(other.label)) within.add(other.label);
      }
    }
    if (!frames.size) return parts;
    const kept = parts.filter((part) => !frames.has(part));
    const heights = kept.filter((part) => within.has(part.label)).map((part) => part.height);
    const tall = Math.max(0, ...heights);
    return kept.filter((part) => within.has(part.label) || part.height >= 0.6 * tall);
  }

  /** Leave out what the edge of the picture shows of a table, and lines, if anything is left. */
  function withoutSurroundings(parts, labels) {
    const side = Math.min(labels.height, labels.width);
    const kept = parts.filter((part) => !isLine(part, labels));
    if (!kept.some((part) => part.longer >= 0.04 * side)) return parts;
    const writing = kept.filter((part) => !(part.cut && isBlob(part, labels)));
    return writing.some((part) => part.longer >= 0.1 * side) ? writing : kept;
  }

  /** Whether a part runs along the edge of the picture, or is a long line. */
  function isLine(part, labels) {
    if (part.cut) {
      for (const line of Grids.sides(labels)) {
        const touched = line.filter((number) => number === part.label).length;
        if (touched / line.length >= ALONG_EDGE) return true;
      }
    }
    const lying = part.width >= 10 * part.height && part.width >= 0.3 * labels.width;
    const long = part.height >= 12 * part.width && part.height >= 0.8 * labels.height;
    return lying || (long && part.cut);
  }

  /** Whether a part is wider than the stroke of a digit of its size. */
  function isBlob(part, labels) {
    const { distance } = Grids.nearestZero(Grids.pad(maskOf(part, labels), 1));
    const widest = distance.reduce((most, value) => Math.max(most, value), 0);
    return widest > WIDEST_STROKE * part.longer;
  }

  /** Leave out parts that are small compared with the largest; all, if that is too small. */
  function withoutSpecks(parts, least) {
    const heaviest = Math.max(0, ...parts.map((part) => part.mass));
    const largest = Math.max(0, ...parts.map((part) => part.longer));
    return parts.filter(
      (part) =>
        largest >= least && part.longer >= SPECK * largest && part.mass >= SPECK_MASS * heaviest,
    );
  }

  return { find, maskOf };
})();
