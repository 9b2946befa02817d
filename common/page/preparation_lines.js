/* Lines of writing, and in each line its digits, from the parts of the ink
(common/pictures/lines.py). A digit is a list of parts: the strokes that were written without
lifting the pen far. */
"use strict";

window.Lines = (() => {
  const TALL = 0.45; // of the tallest part of a line; less is a detached stroke or a small mark
  const SMALL = 0.34; // of the tallest digit of a line; what stays smaller is no digit
  const NEAR = 0.15; // of the height of a line: a stroke that is so near to a digit belongs to it
  const APART = 0.06; // of the height of two parts: a wider gap between them separates two lines
  const STEEPEST = 1; // a slanted line with this many columns a row may separate two digits

  const top = (parts) => Math.min(...parts.map((part) => part.top));
  const bottom = (parts) => Math.max(...parts.map((part) => part.bottom));
  const left = (parts) => Math.min(...parts.map((part) => part.left));
  const right = (parts) => Math.max(...parts.map((part) => part.right));
  const heightOf = (parts) => bottom(parts) - top(parts);
  const widthOf = (parts) => right(parts) - left(parts);

  /** Group parts into lines, from top to bottom, and into digits, from left to right:
   * { lines, small }. The small parts belong to no digit: points, commas, minus signs. */
  function group(parts, labels) {
    const lines = [];
    const small = [];
    for (const line of linesOf(parts)) {
      const found = digitsOf(line, labels);
      lines.push(found.digits);
      small.push(...found.leftOut);
    }
    const tallest = Math.max(0, ...lines.flat().map(heightOf));
    for (const line of lines) {
      // A line of its own that holds only a point, a comma or a dash.
      if (line.length === 1 && heightOf(line[0]) < SMALL * tallest) small.push(...line.pop());
    }
    const kept = lines.filter((line) => line.length);
    return { lines: kept.sort((one, other) => top(one.flat()) - top(other.flat())), small };
  }

  /** Join groups, two at a time, until no two should be joined. */
  function join(groups, should) {
    groups = [...groups];
    for (let k = 0; k < groups.length; k++) {
      for (let j = 0; j < groups.length; j++) {
        if (j === k || !should(groups[k], groups[j])) continue;
        groups[Math.min(j, k)] = [...groups[j], ...groups[k]];
        groups.splice(Math.max(j, k), 1);
        k = Math.min(j, k) - 1; // the joined group is compared with all others
        break;
      }
    }
    return groups;
  }

  /** Put things that a relation connects, by way of others as well, into one group each. */
  function connected(things, joined) {
    const groups = [];
    const left = new Set(things);
    for (const first of things) {
      if (!left.delete(first)) continue;
      const members = [first];
      for (const member of members) {
        for (const other of left) {
          if (joined(member, other)) {
            left.delete(other);
            members.push(other);
          }
        }
      }
      groups.push(things.filter((thing) => members.includes(thing)));
    }
    return groups;
  }

  /** Group parts whose rows overlap, neighbours first, so that a line may rise or fall. */
  function linesOf(parts) {
    const lines = connected(parts, (one, other) => {
      const rows = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      const gap = Math.max(one.left, other.left) - Math.min(one.right, other.right);
      const shorter = Math.min(one.height, other.height);
      const taller = Math.max(one.height, other.height);
      return rows >= 0.5 * shorter && gap <= 3 * taller && shorter >= TALL * taller;
    });
    const sameRows = (one, other) => {
      const shared = Math.min(bottom(one), bottom(other)) - Math.max(top(one), top(other));
      return shared >= 0.6 * Math.min(heightOf(one), heightOf(other));
    };
    return join(join(lines, sameRows), areStrokes);
  }

  /** Whether two lines are the strokes of one digit, one above the other. */
  function areStrokes(one, other) {
    if (one.length > 2 && other.length > 2) return false;
    const [small, large] = heightOf(other) < heightOf(one) ? [other, one] : [one, other];
    const nearest = firstBest(large, (part) => -columns(part, small));
    if (columns(nearest, small) <= 0) return false;
    const height = heightOf([...small, nearest]);
    const gap = Math.max(top(small) - nearest.bottom, nearest.top - bottom(small));
    if (gap <= APART * height) return true;
    return gap <= 0.25 * height && heightOf(small) <= 0.3 * height;
  }

  /** How many columns a part and a group share; negative: the gap between them. */
  function columns(part, others) {
    return Math.min(part.right, right(others)) - Math.max(part.left, left(others));
  }

  /** The first of some things for which a number is smallest. */
  function firstBest(things, number) {
    return things.reduce((best, thing) => (number(thing) < number(best) ? thing : best));
  }

  /** Group the parts of a line into digits, from left to right: { digits, leftOut }. */
  function digitsOf(line, labels) {
    const least = TALL * Math.max(...line.map((part) => part.height));
    const tall = line.filter((part) => part.height >= least);
    const small = line.filter((part) => part.height < least);
    const digits = join(tall.map((part) => [part]), (one, other) => isOne(one, other, labels));
    const tallest = Math.max(...digits.map(heightOf));
    const leftOut = [];
    for (const part of small.sort((one, other) => other.mass - one.mass)) {
      const nearest = firstBest(digits, (digit) => distance(part, digit));
      if (distance(part, nearest) <= NEAR * tallest && !isPoint(part, nearest, tallest)) {
        nearest.push(part);
      } else {
        leftOut.push(part);
      }
    }
    return { digits: digits.sort((one, other) => left(one) - left(other)), leftOut };
  }

  /** Whether two groups of a line are strokes of one digit: their columns overlap. */
  function isOne(one, other, labels) {
    const shared = Math.min(right(one), right(other)) - Math.max(left(one), left(other));
    if (shared <= 0.25 * Math.min(widthOf(one), widthOf(other))) return false;
    // Two tall, slanted digits overlap as well, but a slanted line separates them.
    const [shorter, taller] = [heightOf(one), heightOf(other)].sort((a, b) => a - b);
    return !(shorter >= 0.7 * taller && areSeparated(one, other, labels));
  }

  /** Whether a straight line, upright or slanted, runs between two digits. */
  function areSeparated(one, other, labels) {
    const middle = (digit) =>
      digit.reduce((sum, part) => sum + part.left + part.right, 0) / digit.length;
    const [first, second] = middle(other) < middle(one) ? [other, one] : [one, other];
    const firstEdges = edges(first, labels, true);
    const secondEdges = edges(second, labels, false);
    for (let k = 0; k <= 40; k++) {
      const slant = k === 40 ? STEEPEST : -STEEPEST + k * (STEEPEST / 20);
      const rightmost = Math.max(...firstEdges.map(([y, x]) => x + slant * y));
      const leftmost = Math.min(...secondEdges.map(([y, x]) => x + slant * y));
      if (rightmost < leftmost) return true;
    }
    return false;
  }

  /** The last or first pixel of a digit's parts in each of their rows, as [row, column]. */
  function edges(digit, labels, last) {
    return digit.flatMap((part) => {
      const mask = Parts.maskOf(part, labels);
      return Array.from({ length: part.height }, (_, y) => {
        const line = mask.values.subarray(y * part.width, (y + 1) * part.width);
        const column = last ? line.lastIndexOf(1) + 1 : line.indexOf(1);
        return [part.top + y, part.left + column];
      });
    });
  }

  /** The gap between a small part and a digit, in pixels; 0 if their boxes touch. */
  function distance(part, digit) {
    const gaps = digit.map((other) => {
      const x = Math.max(other.left - part.right, part.left - other.right, 0);
      const y = Math.max(other.top - part.bottom, part.top - other.bottom, 0);
      // A bar may hang further above its digit than a stroke stands beside it.
      return Math.max(x, 0.6 * y);
    });
    return Math.min(...gaps);
  }

  /** Whether a part is a decimal point or comma beside the foot of a digit. */
  function isPoint(part, digit, tallest) {
    const beside = part.left >= right(digit) || part.right <= left(digit);
    return (
      beside &&
      part.width <= 0.22 * tallest &&
      part.height <= 0.3 * tallest &&
      part.top > bottom(digit) - 0.3 * tallest
    );
  }

  return { group, heightOf };
})();
