/* The connected parts of the ink, without what is not writing: frames, what runs along the edge,
lines, specks (common/pictures/parts.py).

A part is { label, top, bottom, left, right, height, width, longer, mass, cut }: its number in the
labels, its box, the longer side of that, its ink, and whether the edge of the picture cuts it. */
"use strict";

window.Parts = (() => {
  const INK = 0.4; // pixels with more ink than this belong to a part
  const DARKER = [0.6, 0.8, 1.0]; // the same where paler lines run through the ink
  const CLEAR = [0.8, 1.0]; // where these show the same parts, and INK others, these are no ink
  const ALIKE = 0.05; // of the longest part's longer side
  const BEYOND = 0.15; // of the same, that others reach further on some side
  const MOST_HOLES = 2; // that a digit has
  const LEAST_RUN = 0.7; // of the picture's height, that a digit from side to side has
  const EDGE_MARGIN = 0.06; // of the picture, that is free around what is written between lines
  const LEAST_INSIDE = 0.18; // of the longer side of a frame, or a cell, that what is in it must have
  const LIKE_CELLS = 0.8; // of the largest hole of a part, that the third has if they are cells
  const MARGIN = 0.1; // of the sides of an open frame, that is free on each side of what is in it
  const LEAST_IN_OPEN = 0.3; // of the longer side of an open frame, that what is in it must have
  const ROUND = 0.95; // of its convex hull, that the inside of a frame takes
  const LEAST_FRAME = 12; // pixels of the longer side
  const ALONG_EDGE = 0.5; // of a side of the picture: what touches it for longer is no digit
  const WIDEST_STROKE = 0.22; // half the width of a digit's strokes, of its longer side
  const SPECK = 0.12; // of the largest part's longer side
  const SPECK_MASS = 0.03; // of the largest part's ink

  /** Find the parts that can be writing: { parts, labels, framed }.
   * `smoothed` is the blurred ink, `least` the pixels that the largest part must have. */
  function find(ink, smoothed, least) {
    const isRuled = ({ parts, labels }) => parts.some((part) => runsThrough(part, labels));
    const found = partsAbove(INK, ink, smoothed, least);
    const haveMargins = ({ parts }) => parts.every((part) => hasMargin(part, ink));
    for (const level of isRuled(found) ? DARKER : []) {
      const darker = partsAbove(level, ink, smoothed, least);
      if (!darker.parts.length || isRuled(darker)) continue;
      return haveMargins(darker) ? darker : found;
    }
    // Half of a digit may be pale: only what is wider than strokes, encloses, or is cut off by the
    // edge of the picture is no digit.
    const isNoDigit = (part) => part.cut || isBlob(part, found.labels);
    if (!found.framed && !found.parts.some(isNoDigit)) return found;
    const [clear, clearest] = CLEAR.map((level) => partsAbove(level, ink, smoothed, least));
    return clear.parts.length &&
      areAlike(clear.parts, clearest.parts) &&
      reachBeyond(found.parts, clear.parts) &&
      haveMargins(clear)
      ? clear
      : found;
  }

  function longestOf(parts) {
    return Math.max(0, ...parts.map((part) => part.longer));
  }

  /** Whether parts are nearly the same. */
  function areAlike(some, others) {
    if (some.length !== others.length) return false;
    const most = ALIKE * longestOf(some) + 1;
    const boxesOf = (parts) =>
      parts
        .map(({ top, bottom, left, right }) => [top, bottom, left, right])
        .sort((one, other) => {
          const k = one.findIndex((value, i) => value !== other[i]);
          return k < 0 ? 0 : one[k] - other[k];
        });
    const boxes = boxesOf(others);
    return boxesOf(some).every((box, k) =>
      box.every((value, i) => Math.abs(value - boxes[k][i]) <= most),
    );
  }

  /** Whether parts reach clearly further than others, on some side. */
  function reachBeyond(some, others) {
    if (!some.length) return true;
    const least = (parts, side) => Math.min(...parts.map((part) => part[side]));
    const most = (parts, side) => Math.max(...parts.map((part) => part[side]));
    const further = Math.max(
      ...["top", "left"].map((side) => least(others, side) - least(some, side)),
      ...["bottom", "right"].map((side) => most(some, side) - most(others, side)),
    );
    return further > BEYOND * longestOf(others);
  }

  /** The same of the pixels with more ink than `level`. */
  function partsAbove(level, ink, smoothed, least) {
    const { labels, parts: number } = Regions.label(Grids.between(smoothed, level), true);
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

  /** Whether lines from the left edge of the picture to the right hold a part together. */
  function runsThrough(part, labels) {
    const longer = Math.max(labels.height, labels.width);
    const near = Math.max(1, Grids.roundToEven(0.01 * longer)); // lines may begin beside the edge
    if (part.left > near || part.right < labels.width - near) return false;
    if (part.top > near || part.bottom < labels.height - near) {
      return part.height < LEAST_RUN * labels.height;
    }
    // Squared paper, or a digit without a margin.
    return holesOf(maskOf(part, labels)).parts > MOST_HOLES;
  }

  /** Whether there is paper between a part and each edge of the picture. */
  function hasMargin(part, { height, width }) {
    const [y, x] = [EDGE_MARGIN * height, EDGE_MARGIN * width];
    const rows = part.top >= y && part.bottom <= height - y;
    return rows && part.left >= x && part.right <= width - x;
  }

  /** The holes of a mask, numbered as `Regions.label` does. */
  function holesOf(mask) {
    return Regions.label(Grids.and(Regions.fillHoles(mask), Grids.not(mask)), false);
  }

  /** Whether the box of another part lies in the middle of one's. */
  function surrounds(one, other) {
    const [y, x] = [MARGIN * one.height, MARGIN * one.width];
    return (
      one.top + y <= other.top &&
      one.left + x <= other.left &&
      one.bottom - y >= other.bottom &&
      one.right - x >= other.right
    );
  }

  /** Leave out frames, and what is outside of them unless it is as tall as what is inside. */
  function insideFrames(parts, labels) {
    const frames = new Set();
    const within = new Set(); // numbers
    // A frame is larger than what is in it.
    const large = [...parts].sort((one, other) => other.longer - one.longer).slice(0, 40);
    for (const part of large) {
      const enclosed = enclosedBy(part, parts, labels);
      if (!enclosed.length) continue;
      frames.add(part);
      for (const other of enclosed) within.add(other.label);
    }
    if (!frames.size) return parts;
    const kept = parts.filter((part) => !frames.has(part));
    const heights = kept.filter((part) => within.has(part.label)).map((part) => part.height);
    const tall = Math.max(0, ...heights);
    return kept.filter((part) => within.has(part.label) || part.height >= 0.6 * tall);
  }

  /** The parts within one that is their frame; none if it is a digit. */
  function enclosedBy(frame, parts, labels) {
    const inner = parts.filter((part) => part !== frame && contains(frame, part));
    if (!inner.length || frame.longer < LEAST_FRAME) return [];
    const mask = maskOf(frame, labels);
    const filled = Regions.fillHoles(mask);
    const inHoles = Grids.cut(labels, frame).values.some(
      (number, i) => number && number !== frame.label && filled.values[i],
    );
    if (inHoles && !isRound(filled, mask)) return [];
    const holes = holesOf(mask);
    const sides = Regions.boxes(holes.labels, holes.parts)
      .map(({ top, bottom, left, right }) => Math.max(bottom - top, right - left))
      .sort((one, other) => other - one);
    // A digit has two holes at most: three alike are the cells of a form, each with a digit.
    const cells = sides.length > MOST_HOLES && sides[2] >= LIKE_CELLS * sides[0];
    const least = LEAST_INSIDE * (cells ? sides[0] : frame.longer);
    const numbers = new Set();
    Grids.cut(labels, frame).values.forEach((number, i) => {
      if (filled.values[i]) numbers.add(number);
    });
    // A circle whose ends do not meet, or a box that is open above, has no holes.
    const isInside = (part) =>
      numbers.has(part.label) ||
      (part.longer >= LEAST_IN_OPEN * frame.longer && surrounds(frame, part));
    const enclosed = inner.filter(isInside);
    return enclosed.some((part) => part.longer >= least) ? enclosed : [];
  }

  /** Whether a shape is a disc or a box, lines that jut out left aside, and no hollow digit.
   * `filled` is the shape with its holes, `mask` the same without them: its outline. */
  function isRound(filled, mask) {
    const { distance } = Grids.nearestZero(Grids.pad(mask, 1));
    const width = Math.ceil(distance.reduce((most, value) => Math.max(most, value), 0));
    const body = Grids.grow(Grids.shrink(Grids.pad(filled, 2 * width), width), width);
    return Grids.count(body) > 0 && Grids.count(body) >= ROUND * Paper.hullArea(body);
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
