/* How the image is distorted before the nets get it: sliders, buttons and arrow keys. */
"use strict";

window.Controls = (() => {
  const NEUTRAL = { right: 0, down: 0, degrees: 0, stroke: 0, noise: 0 };
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  const find = (id) => document.getElementById(id);
  let values = { ...NEUTRAL }; // as `Distortion.apply` takes them
  let size; // of an image: height, width
  let onChange; // called when somebody has changed something

  /** Listen to the controls of a page whose images have this shape. */
  function start(shape, changed) {
    size = shape;
    onChange = changed;
    // The slider turns clockwise to the right; Distortion counts anticlockwise.
    find("rotation").addEventListener("input", (event) => change({ degrees: -event.target.value }));
    find("stroke").addEventListener("input", (event) => change({ stroke: +event.target.value }));
    find("noise").addEventListener("input", (event) => change({ noise: +event.target.value }));
    find("reset").addEventListener("click", () => change(NEUTRAL));
    for (const button of document.querySelectorAll("[data-shift]")) {
      const step = button.dataset.shift.split(" ").map(Number);
      button.addEventListener("click", () => shift(...step));
    }
    for (const id of ["drawing", "seen"]) {
      find(id).addEventListener("keydown", (event) => {
        if (!STEPS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        shift(...STEPS[event.key]);
      });
    }
    write();
  }

  /** Set everything back, without a call of `changed`. */
  function reset() {
    values = { ...NEUTRAL };
    write();
  }

  function change(part) {
    values = { ...values, ...part };
    write();
    onChange();
  }

  function shift(right, down) {
    const within = (value, most) => Math.max(-most, Math.min(most, value));
    const [height, width] = size;
    change({
      right: within(values.right + right, width),
      down: within(values.down + down, height),
    });
  }

  /** Write the values in words, and where the sliders stand. */
  function write() {
    const { degrees, stroke, noise } = values;
    const places = { rotation: -degrees || 0, stroke, noise };
    for (const [id, text] of Object.entries(Words.changes(values))) {
      find(`${id}-value`).textContent = text;
      if (!(id in places)) continue;
      find(id).value = places[id];
      find(id).setAttribute("aria-valuetext", text);
    }
    find("reset").disabled = Object.keys(NEUTRAL).every((name) => values[name] === NEUTRAL[name]);
  }

  return { start, reset, values: () => values };
})();
