/* Inside a convolutional net: the feature maps of its layers, in which filter.js shows one filter.

A feature map is the output of one filter at every position, before the activation. Red: the filter
finds its pattern there; blue: the opposite. */
"use strict";

window.Maps = (() => {
  const MOST = 64; // maps of a layer that are shown

  let convolutional; // [{ name, net, place }]: the nets with at least one convolution
  let section; // of the page
  let current = 0; // which of them is shown
  let rows = []; // the layers that are shown: { index, canvases, inputs }
  let answers = []; // of all nets, as Page has them
  let filter = null; // the panel of the sliding filter, as `Filter.panel` returns it

  const isConvolution = ({ kind }) => kind === "conv";
  const layers = () => convolutional[current].net.layers;

  /** Fill an element with the maps of the nets that have convolutions; hide it if none has. */
  function start(place, networks, nets) {
    section = place;
    convolutional = networks
      .map(({ name }, k) => ({ name, net: nets[k], place: k }))
      .filter(({ net }) => net.layers.some(isConvolution));
    section.hidden = convolutional.length === 0;
    current = convolutional.length - 1;
    if (!section.hidden) build();
  }

  /** Build the elements for the current net: its first convolution, and a later one. */
  function build() {
    const [first, ...later] = [...layers().keys()].filter((k) => isConvolution(layers()[k]));
    rows = [row(first)];
    filter = Filter.panel(layers(), first, mark);
    const head = Panels.element("div", "inside-head");
    head.append(Panels.element("h2", "", `Inside the ${convolutional[current].name}`));
    head.firstChild.id = "inside-title";
    if (convolutional.length > 1) {
      head.append(Panels.select("Net", convolutional.map(({ name }) => name), current, (k) => {
        current = k;
        build();
        show(answers);
      }));
    }
    const maps = Panels.element("div", "maps");
    maps.append(rows[0].group);
    if (later.length > 1) {
      const names = later.map((k) => layers()[k].name);
      maps.append(Panels.select("Layer", names, later.length - 1, (k) => {
        const fresh = row(later[k]);
        rows[1].group.replaceWith(fresh.group);
        rows[1] = fresh;
        filter.pick(later[k]);
        show(answers);
      }));
    }
    if (later.length) {
      rows.push(row(later.at(-1)));
      maps.append(rows[1].group);
    }
    const cut = Filter.isCut(layers(), first) ? " (which the ReLU then cuts to 0)" : "";
    const text = "Each small picture is the output of one filter at every position of its input: " +
      `red where the filter finds its pattern, blue where it finds the opposite${cut}. Choose one, ` +
      "then slide the filter over the image with the pointer or the arrow keys.";
    const both = Panels.element("div", "inside-grid");
    both.append(maps, filter.element);
    section.replaceChildren(head, Panels.element("p", "intro", text), both);
  }

  /** Make the maps of a layer, a radio button for each. */
  function row(index) {
    const { name, kernel } = layers()[index];
    const [height, width, channels, filters] = kernel.shape;
    const group = Panels.element("fieldset");
    const over = channels === 1 ? "over the image" : `over ${channels} maps`;
    const cut = filters > MOST ? ` (the first ${MOST} are shown)` : "";
    const size = `${filters} filters of ${height} × ${width}`;
    group.append(Panels.element("legend", "", `${name}: ${size} ${over}${cut}`));
    const grid = Panels.element("div", filters > 16 ? "thumbs" : "thumbs few");
    const [canvases, inputs] = [[], []];
    for (let k = 0; k < Math.min(filters, MOST); k++) {
      const label = Panels.element("label");
      const input = Object.assign(Panels.element("input"), { type: "radio", name: "map" });
      input.setAttribute("aria-label", `${name}, filter ${k + 1} of ${filters}`);
      input.addEventListener("change", () => filter.pick(index, k));
      canvases.push(Panels.element("canvas"));
      inputs.push(input);
      label.append(input, canvases[k]);
      grid.append(label);
    }
    group.append(grid);
    return { index, group, canvases, inputs };
  }

  /** Mark the map that the panel of the filter shows. */
  function mark(layer, chosen) {
    for (const { index, inputs } of rows) {
      inputs.forEach((input, k) => (input.checked = index === layer && k === chosen));
    }
  }

  /** Paint the maps of what the nets make of an image; an answer is null where there is none. */
  function show(results) {
    answers = results;
    if (!convolutional.length) return;
    const answer = answers[convolutional[current].place];
    section.classList.toggle("empty", !answer);
    if (!answer) return;
    for (const { index, canvases } of rows) {
      const { values, shape } = answer.outputs[index];
      const cut = Filter.isCut(layers(), index);
      const largest = Panels.scaleOf(values, cut);
      canvases.forEach((canvas, k) => {
        Panels.paintMap(canvas, Panels.channelOf(values, shape, k), shape, largest, cut);
      });
    }
    filter.show(answer.outputs);
  }

  return { start, show };
})();
