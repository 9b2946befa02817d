/* The sentences of the page: what it is called, what is seen, what the nets answer. */
"use strict";

window.Words = (() => {
  const COUNTS = ["One net", "Two nets", "Three nets", "Four nets", "Five nets"];
  const LINEAR = ["pixels", "reshape", "flatten", "scale", "dense"];

  const areDigits = (classes) => classes.every((name) => /^\d$/.test(name));

  /** Return what the page is called, and what stands on the empty paper. */
  function title({ classes, networks }) {
    const what = areDigits(classes) ? "Draw a digit" : "Draw a picture";
    const count = COUNTS[networks.length - 1] ?? `${networks.length} nets`;
    const who = `${count.toLowerCase()} read${networks.length > 1 ? "" : "s"} it`;
    return { title: `${what}: ${who}`, hint: `${what} here` };
  }

  /** Return the heading above the image that the nets get. */
  function seenTitle({ networks, shape }) {
    const who = networks.length > 1 ? "the nets see" : "the net sees";
    return `What ${who}: ${shape[1]} × ${shape[0]} pixels`;
  }

  /** Whether a net is one layer of weights, so that its gradient is the weights themselves. */
  const isLinear = ({ layers }) =>
    layers.every(({ kind }) => LINEAR.includes(kind)) &&
    layers.filter(({ kind }) => kind === "dense").length === 1;

  /** Say how the evidence of each net is computed. */
  function methods({ networks }) {
    const names = (some) => some.map(({ name }) => name).join(", ");
    const linear = networks.filter(isLinear);
    const others = networks.filter((network) => !isLinear(network));
    const parts = [];
    if (linear.length) parts.push(`${names(linear)}: weight × pixel`);
    if (others.length) parts.push(`${names(others)}: gradient × pixel`);
    return `${parts.join("; ")}.`;
  }

  /** Say what the weights of the page are, and where its test images come from. */
  function about({ networks, source }) {
    const rounded = networks.filter(({ rounding }) => rounding);
    const total = rounded[0]?.rounding.test_total.toLocaleString("en");
    const parts = rounded.map(({ name, rounding }) =>
      `${name} ${(100 * rounding.test_accuracy).toFixed(2)} % in ${rounding.kind} ` +
        `(${rounding.different || "no"} answer${rounding.different === 1 ? "" : "s"} changed)`);
    const sentences = [
      "Evidence is the gradient of the score times the input, for pixels and biases; for nets of " +
        "ReLU, max-pooling and linear layers both add up to the score; for others the rest is named.",
      "Softmax makes probabilities of the scores of all classes.",
    ];
    if (rounded.length) {
      sentences.push("The weights are rounded for this page. Accuracy with the rounded weights on " +
        `all ${total} test images: ${parts.join(", ")}.`);
    }
    if (source) sentences.push(`Test images: ${source}.`);
    return sentences.join(" ");
  }

  /** Say how long the nets take in this browser: milliseconds, NaN before the first stroke. */
  const speed = (median) => `From a stroke to the bars: ${
    median >= 0 ? `${Math.round(median)} ms in this browser (median).` : "draw to measure it."}`;

  /** Make a sentence of what the preparation left out. */
  function notes(phrases) {
    const text = phrases.join("; ");
    return text && `${text[0].toUpperCase()}${text.slice(1)}.`;
  }

  /** Say in a sentence what the nets answer: `answers` are the numbers of classes. */
  function verdict({ classes, networks }, answers) {
    const names = networks.map(({ name }) => name);
    const given = [...new Set(answers)];
    if (answers.length === 1) return `${names[0]} reads ${classes[answers[0]]}.`;
    if (given.length === 1) {
      return `${answers.length === 2 ? "Both" : "All"} nets read ${classes[given[0]]}.`;
    }
    const parts = given.map((answer) => {
      const who = names.filter((_, k) => answers[k] === answer);
      return `${who.join(" and ")} ${classes[answer]}`;
    });
    return `They disagree: ${parts.join(", ")}.`;
  }

  /** Return the answers for a screen reader. */
  function spoken({ classes, networks }, answers) {
    return networks.map(({ name }, k) => {
      const { best, probabilities } = answers[k];
      return `${name}: ${classes[best]}, ${Panels.percent(probabilities[best])}.`;
    }).join(" ");
  }

  /** Return in words how the image is changed, for each slider and for the shift. */
  function changes({ right, down, degrees, stroke, noise }) {
    const side = (value, positive, negative) =>
      value ? `${Math.abs(value)} ${value > 0 ? positive : negative}` : "";
    const shifts = [side(right, "right", "left"), side(down, "down", "up")].filter(Boolean);
    return {
      rotation: degrees ? `${Math.abs(degrees)}° ${degrees < 0 ? "" : "anti"}clockwise` : "none",
      stroke: stroke ? `${Panels.signed(stroke, 2)} pixels` : "as it is",
      noise: noise ? `σ = ${noise.toFixed(2)}` : "none",
      shift: shifts.join(", ") || "none",
    };
  }

  return { title, seenTitle, methods, about, speed, notes, verdict, spoken, changes };
})();
