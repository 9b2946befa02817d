/* Divide values into classes: ink and paper, or ink, paper, table (common/pictures/classes.py). */
"use strict";

window.Classes = (() => {
  /** Count values in equal bins, as NumPy's histogram does: { counts, edges }. */
  function histogram(values, bins) {
    let least = Infinity;
    let most = -Infinity;
    for (let i = 0; i < values.length; i++) {
      if (values[i] < least) least = values[i];
      if (values[i] > most) most = values[i];
    }
    most = Math.max(most, least + 1e-6);
    const edges = new values.constructor(bins + 1); // float32 for values of float32
    for (let k = 0; k < bins; k++) edges[k] = least + k * ((most - least) / bins);
    edges[bins] = most;
    const counts = new Float64Array(bins);
    const scale = bins / (most - least);
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      let k = Math.min(Math.floor((value - least) * scale), bins - 1);
      if (value < edges[k]) k--;
      else if (k < bins - 1 && value >= edges[k + 1]) k++;
      counts[k]++;
    }
    return { counts, edges };
  }

  function square(x) {
    return x * x;
  }

  /** Number, mean and standard deviation of the values above `least` and up to `most`. */
  function statistics(values, least, most) {
    let number = 0;
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (value <= least || value > most) continue;
      number++;
      sum += value;
      squares += value * value;
    }
    const mean = sum / number;
    return { number, mean, spread: Math.sqrt(Math.max(squares / number - mean * mean, 0)) };
  }

  /** Divide values at the threshold that makes both classes most uniform (Otsu, 1979).
   * Returns { threshold, lowSpread, highSpread, contrast }: the classes' standard deviations, and
   * the difference of their means. */
  function two(values) {
    const { counts, edges } = histogram(values, 128);
    const middles = counts.map((_, k) => (edges[k] + edges[k + 1]) / 2);
    const total = counts.reduce((sum, count, k) => sum + count * middles[k], 0);
    const between = [];
    for (let k = 0, below = 0, sum = 0; k < counts.length - 1; k++) {
      below += counts[k];
      sum += counts[k] * middles[k];
      const above = values.length - below;
      const value = below * above * square(sum / below - (total - sum) / above);
      between.push(Number.isFinite(value) ? value : 0);
    }
    // Between two classes of pure black and white every threshold is equally good: the middle one.
    const enough = Math.max(...between) * (1 - 1e-9);
    const ties = between.flatMap((value, k) => (value >= enough ? [k] : []));
    const threshold = edges[1 + ties[Math.floor(ties.length / 2)]];
    const low = statistics(values, -Infinity, threshold);
    const high = statistics(values, threshold, Infinity);
    if (!low.number || !high.number) return { threshold, lowSpread: 0, highSpread: 0, contrast: 0 };
    const contrast = high.mean - low.mean;
    return { threshold, lowSpread: low.spread, highSpread: high.spread, contrast };
  }

  /** The two thresholds that divide values into the three most uniform classes (Otsu). */
  function three(values) {
    const { counts, edges } = histogram(values, 48);
    const numbers = [0];
    const sums = [0];
    counts.forEach((count, k) => {
      numbers.push(numbers[k] + count);
      sums.push(sums[k] + (count * (edges[k] + edges[k + 1])) / 2);
    });
    const gain = (i, j) => {
      const value = square(sums[j] - sums[i]) / (numbers[j] - numbers[i]);
      return Number.isFinite(value) ? value : 0;
    };
    let best = 0;
    let thresholds = [edges[1], edges[1]];
    for (let i = 1; i < 48; i++) {
      for (let j = i + 1; j < 48; j++) {
        const value = gain(0, i) + gain(i, j) + gain(j, 48);
        if (value > best) {
          best = value;
          thresholds = [edges[i], edges[j]];
        }
      }
    }
    return thresholds;
  }

  return { two, three };
})();
