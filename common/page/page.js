/* Ties the page together: from a stroke, a test image or a slider to the bars, then to the reasons.

    drawing ──Preparation──┐
                           ├─> image ──Distortion──> seen ──Network──> bars, then evidence and maps
    test image ────────────┘
*/
"use strict";

window.Page = (() => {
  const LATER = 90; // milliseconds from the bars to evidence and feature maps
  const QUIET = 700; // milliseconds without a change before a screen reader hears the answers
  const LONG = 58; // characters of a sentence that is written smaller

  const find = (id) => document.getElementById(id);
  let data; // what common/page/build.py wrote into the page
  let nets; // the networks, their weights decoded
  let columns; // for each net what Panels.column returns
  let tests; // the test images, Uint8Array, one after the other
  let queues; // the numbers of the test images still to come: { plain, hard }

  const state = {
    image: null, // what was prepared, or a test image; null if there is nothing to read
    test: null, // the number of the test image, or null for a drawing
    isNew: true, // whether the next stroke begins a new digit
    message: "", // why there is nothing to read
    notes: [], // of the preparation
    seed: 1, // of the noise
    chosen: null, // the class to explain, or null for each net's own answer
    seen: null, // the image as the nets get it
    answers: [], // of each net: probabilities, best class, outputs of all layers
  };

  // Milliseconds from each stroke's event to its bars.
  const times = [];
  let strokeTime = null; // when the oldest event happened that the bars do not show yet
  let reasonsTimer = null;
  let speechTimer = null;

  function start() {
    data = JSON.parse(find("data").textContent);
    nets = data.networks.map((network) => Network.read(network));
    tests = Uint8Array.from(atob(data.images.data), (letter) => letter.charCodeAt(0));
    const hard = new Set(data.hard);
    const plain = [...data.labels.keys()].filter((k) => !hard.has(k));
    queues = { plain: { all: plain, next: 0 }, hard: { all: [...hard], next: 0 } };
    columns = data.networks.map((network, k) => Panels.column(network, k, data, choose));
    find("nets").append(...columns.map(({ article }) => article));
    writeWords();
    Maps.start(find("inside"), data.networks, nets);
    Drawing.start(find("drawing"), drawn);
    Controls.start(data.shape, update);
    listen();
    document.querySelector("main").hidden = false;
    find("hard").hidden = hard.size === 0;
    find("next").hidden = plain.length === 0;
    if (hard.size) showTest("hard", mostTelling());
    else if (plain.length) showTest("plain");
    else clear();
    showReasons();
    setTimeout(warmUp, LATER);
  }

  /** Prepare a stroke that nobody sees: a browser is slow where it runs code for the first time. */
  function warmUp() {
    const { SIZE } = Drawing;
    const grey = new Uint8ClampedArray(SIZE * SIZE).fill(255);
    for (let row = 60; row < 220; row++) grey.fill(0, row * SIZE + 130, row * SIZE + 150);
    Preparation.prepare({ width: SIZE, height: SIZE, grey }, data);
  }

  /** Adapt the words of the page to its classes and nets. */
  function writeWords() {
    document.body.classList.toggle("words", data.classes.some((name) => [...name].length > 2));
    document.body.classList.toggle("many", data.classes.length > 12);
    document.body.classList.toggle("crowd", nets.length > 3);
    const { title, hint } = Words.title(data);
    find("title").textContent = document.title = title;
    find("hint").textContent = hint;
    find("drawing").setAttribute("aria-label", `Paper. ${hint}.`);
    find("seen-title").textContent = Words.seenTitle(data);
    find("method").textContent = Words.methods(data);
    find("about").textContent = Words.about(data);
    find("speed").textContent = Words.speed(NaN);
  }

  function listen() {
    find("clear").addEventListener("click", clear);
    find("undo").addEventListener("click", undo);
    find("next").addEventListener("click", () => showTest("plain"));
    find("hard").addEventListener("click", () => showTest("hard"));
    find("own").addEventListener("click", () => choose(null));
    document.addEventListener("keydown", (event) => {
      const control = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
      if (control && event.key.toLowerCase() === "z") {
        event.preventDefault();
        undo();
      }
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      if (state.test !== null && Drawing.isEmpty()) Drawing.show(ghost(state.test));
      showReasons();
    });
  }

  // Where the image comes from.

  /** A piece of a stroke was drawn: read it in the next picture of the screen. */
  function drawn(time) {
    if (strokeTime !== null) return; // this picture is already asked for
    strokeTime = time;
    requestAnimationFrame(() => {
      strokeTime = null;
      if (Drawing.isEmpty()) return; // cleared since
      if (state.isNew) anew();
      state.isNew = false;
      read();
      times.push(performance.now() - time);
    });
  }

  function undo() {
    if (!Drawing.undo()) return;
    if (state.test !== null) anew();
    state.isNew = Drawing.isEmpty();
    read();
  }

  function clear() {
    Drawing.clear();
    anew();
    read();
  }

  /** A new digit starts as it is, and each net's own answer is explained. */
  function anew() {
    state.test = null;
    state.image = null;
    state.isNew = true;
    state.chosen = null;
    state.seed += 1;
    Controls.reset();
  }

  /** Prepare the drawing and show what the nets make of it. */
  function read() {
    const drawing = Drawing.pixels();
    const { shape, polarity } = data;
    const prepared = Drawing.isEmpty()
      ? { error: "Nothing is drawn yet." }
      : Preparation.prepare(drawing, { shape, polarity });
    // Before a stroke ends it may be too short, or stand beside the others: the answers stay.
    const isUnfinished = prepared.error && Drawing.isDown();
    if (isUnfinished && state.image) return;
    state.image = prepared.error ? null : prepared.image;
    state.message = isUnfinished ? "" : prepared.error ?? "";
    state.notes = prepared.notes ?? [];
    update();
  }

  const testImage = (number) => {
    const pixels = data.shape[0] * data.shape[1];
    return tests.slice(number * pixels, (number + 1) * pixels);
  };

  const ghost = (number) => Panels.inkOf(testImage(number), data.shape, isDark());

  /** Show the next test image of a queue, "plain" or "hard". */
  function showTest(queue, place = queues[queue].next) {
    const { all } = queues[queue];
    queues[queue].next = (place + 1) % all.length;
    const number = all[place];
    anew();
    state.test = number;
    state.image = testImage(number);
    state.message = "";
    state.notes = [];
    Drawing.show(ghost(number));
    update();
  }

  /** Return the place in the hard images of one on which the nets differ most and the strongest is
   * right: the image that the page opens with. */
  function mostTelling() {
    const strongest = strongestNet();
    let [best, most] = [0, -1];
    for (const [place, number] of queues.hard.all.slice(0, 8).entries()) {
      const answers = nets.map((net) => bestOf(Network.run(net, testImage(number)).probabilities));
      const right = answers[strongest] === data.labels[number] && !data.disputed.includes(number);
      const value = new Set(answers).size + (right ? nets.length : 0);
      if (value > most) [best, most] = [place, value];
    }
    return best;
  }

  /** Return the number of the net with the highest test accuracy, the last one of equals. */
  function strongestNet() {
    const accuracies = data.networks.map((network) => network.rounding?.test_accuracy ?? 0);
    return accuracies.lastIndexOf(Math.max(...accuracies));
  }

  const bestOf = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

  // What the nets make of it.

  function update() {
    const { image, seed } = state;
    const how = { ...Controls.values(), shape: data.shape, seed };
    state.seen = image && distorted(image, how);
    state.answers = nets.map((net) => (state.seen ? Network.run(net, state.seen) : null));
    const truth = state.test === null ? null : data.labels[state.test];
    const doubt = data.disputed.includes(state.test);
    state.answers.forEach((answer, k) => {
      const best = columns[k].showAnswer(answer && answer.probabilities, truth, doubt);
      if (answer) answer.best = best;
    });
    Panels.paintGrey(find("seen"), state.seen ?? paper(), data.shape);
    const text = state.seen
      ? Words.verdict(data, state.answers.map(({ best }) => best))
      : state.message;
    find("verdict").textContent = text;
    find("verdict").classList.toggle("long", text.length > LONG);
    find("verdict").classList.toggle("problem", !state.seen);
    writeSource();
    find("hint").hidden = !Drawing.isEmpty();
    find("undo").disabled = !Drawing.canUndo();
    reasonsTimer ??= setTimeout(showReasons, LATER);
    clearTimeout(speechTimer);
    speechTimer = setTimeout(speak, QUIET);
  }

  /** Distort an image. `Distortion` takes paper to be 0. */
  function distorted(image, how) {
    const negative = (pixels) => (isDark() ? pixels.map((grey) => 255 - grey) : pixels);
    return negative(Distortion.apply(negative(image), how));
  }

  /** Whether the images of these data are dark on light, so that ink is 0. */
  const isDark = () => data.polarity === "dark on light";

  /** Return an image without ink. */
  const paper = () => new Uint8Array(data.shape[0] * data.shape[1]).fill(isDark() ? 255 : 0);

  /** Say under the image where it comes from. */
  function writeSource() {
    const source = find("seen-source");
    if (state.test === null) {
      source.textContent = Words.notes(state.notes) ||
        (state.image ? "Cropped, scaled and centred as in training." : "");
      return;
    }
    source.textContent = `A test image. True class: ${data.classes[data.labels[state.test]]}. `;
    if (data.disputed.includes(state.test)) {
      source.append(Panels.element("span", "doubt", "People dispute this label."));
    }
  }

  /** The hand rests: let a screen reader say the answers, and tell how long they took. */
  function speak() {
    find("spoken").textContent = state.seen ? Words.spoken(data, state.answers) : state.message;
    find("speed").textContent = Words.speed(medianTime());
  }

  /** Choose the class to explain: its number, or null for each net's own answer. */
  function choose(classIndex) {
    state.chosen = classIndex;
    showReasons();
  }

  /** Show the evidence and the feature maps: after the bars, since they take longer. */
  function showReasons() {
    clearTimeout(reasonsTimer);
    reasonsTimer = null;
    find("own").disabled = state.chosen === null;
    nets.forEach((net, k) => {
      const answer = state.answers[k];
      const classIndex = answer && (state.chosen ?? answer.best);
      const evidence = answer && Evidence.of(net, state.seen, classIndex);
      columns[k].showEvidence(evidence, classIndex, state.seen);
    });
    Maps.show(state.answers);
  }

  /** Return the median of the milliseconds from stroke to bars, NaN before the first stroke. */
  function medianTime() {
    const sorted = [...times].sort((one, other) => one - other);
    return sorted.length ? sorted[sorted.length >> 1] : NaN;
  }

  /** Whether everything that follows from the last change is shown; it is spoken later. */
  const isSettled = () => strokeTime === null && reasonsTimer === null;

  return { start, state, times, medianTime, isSettled };
})();

Page.start();
