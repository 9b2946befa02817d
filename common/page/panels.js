/* What people see of the computations: images as pixels, and a column for each net with its answer,
its probabilities and the evidence for a class. */
"use strict";

window.Panels = (() => {
  /** Return a colour of page.css, for example "--for", as [red, green, blue]. */
  function colour(name) {
    const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  }

  /** Return the colour that lies `part` (0 to 1) of the way from one to another. */
  const mix = (from, to, part) => from.map((value, k) => value + (to[k] - value) * part);

  /** Paint a canvas of height × width pixels; `colourOf(k)` gives the colour of pixel k. */
  function paint(canvas, [height, width], colourOf) {
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const picture = new ImageData(width, height);
    for (let k = 0; k < height * width; k++) {
      const [red, green, blue, opaque = 255] = colourOf(k);
      picture.data.set([red, green, blue, opaque], 4 * k);
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  /** Paint an image of grey levels, 0 to 255, as it is: 0 black, 255 white. */
  function paintGrey(canvas, image, shape) {
    paint(canvas, shape, (k) => [image[k], image[k], image[k]]);
  }

  /** Return the ink of an image as a transparent canvas in the text colour of the page. */
  function inkOf(image, shape, isDark) {
    const canvas = document.createElement("canvas");
    const ink = colour("--ink");
    paint(canvas, shape, (k) => [...ink, isDark ? 255 - image[k] : image[k]]);
    return canvas;
  }

  /** Paint numbers of both signs: positive red, negative blue, `largest` in full colour.
   *
   * `under` are grey levels, 0 to 255, of an image that shimmers through where the numbers are
   * near 0; it may be left out. */
  function paintSigned(canvas, values, shape, largest, under = null) {
    const [paper, ink] = [colour("--card"), colour("--ink")];
    const ends = [colour("--against"), colour("--for")];
    paint(canvas, shape, (k) => {
      const ground = under ? mix(paper, ink, (0.2 * under[k]) / 255) : paper;
      // The root makes small numbers visible: the colours give an order, the sum is in words.
      const strength = Math.sqrt(Math.min(Math.abs(values[k]) / largest, 1)) || 0;
      return mix(ground, ends[values[k] > 0 ? 1 : 0], strength);
    });
  }

  /** Paint a feature map: positive red, negative blue, and that pale if it is `cut` off later. */
  function paintMap(canvas, values, [height, width], largest, cut) {
    const [paper, below, above] = ["--card", "--against", "--for"].map(colour);
    paint(canvas, [height, width], (k) => {
      const part = Math.min(Math.abs(values[k]) / largest, 1) || 0;
      return mix(paper, values[k] > 0 ? above : below, values[k] < 0 && cut ? 0.35 * part : part);
    });
  }

  /** Return the number that has the full colour of a map: if it is `cut`, the largest positive. */
  const scaleOf = (values, cut) =>
    (cut ? values.reduce((most, value) => Math.max(most, value), 0) : largestOf(values));

  const largestOf = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

  /** Return one channel of values [height, width, channels]. */
  function channelOf(values, [height, width, channels], k) {
    const result = new Float32Array(height * width);
    for (let at = 0; at < result.length; at++) result[at] = values[at * channels + k];
    return result;
  }

  /** Return a probability as a percentage that is never rounded up to 100. */
  function percent(probability) {
    if (probability >= 0.9999) return "> 99.99 %";
    return `${(100 * probability).toFixed(probability < 0.99 ? 0 : 2)} %`;
  }

  /** The same in at most six characters, for the bars. */
  function shortPercent(probability) {
    return probability >= 0.995 ? "> 99 %" : `${Math.round(100 * probability)} %`;
  }

  /** Return a number with its sign and one digit: "+8.1", "−0.3". */
  function signed(number, digits = 1) {
    const text = Math.abs(number).toFixed(digits);
    return Number(text) === 0 ? text : (number < 0 ? "−" : "+") + text;
  }

  /** Write the sum that `Evidence.of` returns so that its rounded terms add up:
   * "pixels +8.1, biases +1.2 = score 9.3". */
  function sumInWords({ bias, score, rest }) {
    const tenths = (number) => Math.round(10 * number);
    const [all, biases] = [tenths(score), tenths(bias)];
    const others = Math.abs(rest) >= 0.05 ? tenths(rest) : 0;
    const pixels = all - biases - others;
    const terms = [`pixels\u00a0${signed(pixels / 10)}`, `biases\u00a0${signed(biases / 10)}`];
    if (others) terms.push(`rest\u00a0${signed(others / 10)}`);
    return `${terms.join(", ")} = score\u00a0${signed(all / 10).replace("+", "")}`;
  }

  const element = (tag, className = "", text = "") =>
    Object.assign(document.createElement(tag), { className, textContent: text });

  /** Return a labelled list to choose from; `changed(k)` is called with what was chosen. */
  function select(text, names, chosen, changed) {
    const label = element("label", "choice", `${text} `);
    const list = element("select");
    list.append(...names.map((name, k) => new Option(name, k, k === chosen, k === chosen)));
    list.addEventListener("change", () => changed(Number(list.value)));
    label.append(list);
    return label;
  }

  /** Make the column of a net, number `place` on the page.
   *
   * `choose(classIndex)` is called when somebody wants the evidence for a class. Returns functions
   * that show results in the column. */
  function column(net, place, { classes, shape }, choose) {
    const article = element("article", "net");
    article.append(element("h2", "", net.name));
    const facts = element("p", "facts");
    const { parameters, test_accuracy: accuracy, command } = net;
    facts.append(
      element("span", "", parameters ? `${parameters.toLocaleString("en")} parameters` : ""),
      element("span", "", accuracy ? `test accuracy ${(100 * accuracy).toFixed(2)}\u00a0%` : ""),
    );
    if (command) facts.title = `trained by: python ${command}`;
    const answer = element("p", "answer");
    const [name, sure, mark] = ["class", "sure", "mark"].map((part) => element("span", part));
    answer.append(name, sure, mark);

    const bars = element("fieldset", "bars");
    const purpose = `${net.name}: probabilities; choose a class to explain`;
    bars.append(element("legend", "unseen", purpose));
    const rows = classes.map((text, k) => {
      const label = element("label");
      const input = element("input");
      Object.assign(input, { type: "radio", name: `net-${place}`, value: k });
      // A click, not a change: the bar of the net's own answer is chosen already.
      input.addEventListener("click", () => choose(k));
      const track = element("span", "track");
      const [bar, number] = [element("span", "bar"), element("span", "percent")];
      track.append(bar);
      label.append(input, element("span", "name", text), track, number);
      label.title = text;
      bars.append(label);
      return { label, input, bar, number };
    });

    const figure = element("figure", "why");
    const map = element("canvas");
    [map.height, map.width] = shape;
    map.setAttribute("role", "img");
    const caption = element("figcaption");
    figure.append(map, caption);
    article.append(facts, answer, bars, figure);

    /** Show probabilities (null: nothing to read), and whether the true class won.
     *
     * truth: its number, null if nobody knows it; doubt: whether people dispute it. */
    function showAnswer(probabilities, truth, doubt) {
      const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
      name.textContent = best < 0 ? "–" : classes[best];
      sure.textContent = best < 0 ? "" : percent(probabilities[best]);
      const known = best >= 0 && truth !== null;
      const [right, wrong] = doubt ? ["= label", "≠ label"] : ["✓ right", "✗ wrong"];
      mark.textContent = known ? (best === truth ? right : wrong) : "";
      answer.classList.toggle("right", known && best === truth);
      answer.classList.toggle("wrong", known && best !== truth);
      rows.forEach(({ label, bar, number }, k) => {
        const part = probabilities ? probabilities[k] : 0;
        bar.style.transform = `scaleX(${part})`;
        number.textContent = probabilities ? shortPercent(part) : "";
        label.classList.toggle("best", k === best);
      });
      return best;
    }

    /** Show `evidence` for a class on top of the image; null where there is none. */
    function showEvidence(evidence, classIndex, image) {
      rows.forEach(({ input }, k) => (input.checked = evidence !== null && k === classIndex));
      if (!evidence) {
        paint(map, shape, () => [0, 0, 0, 0]);
        caption.textContent = "";
        map.setAttribute("aria-label", "no evidence: there is no image");
        return;
      }
      paintSigned(map, evidence.pixels, shape, largestOf(evidence.pixels), image);
      const sum = sumInWords(evidence);
      caption.replaceChildren(element("b", "", `Why ${classes[classIndex]}? `), sum);
      map.setAttribute("aria-label", `Evidence of ${net.name} for ${classes[classIndex]}: ${sum}`);
    }

    return { article, showAnswer, showEvidence };
  }

  return {
    colour, paintGrey, paintSigned, paintMap, inkOf, largestOf, scaleOf, channelOf, percent,
    signed, sumInWords, element, select, column,
  };
})();
