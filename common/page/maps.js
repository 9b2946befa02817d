/* Inside a convolutional net: the feature maps of its layers, and one filter that slides over the
image with the numbers that it multiplies.

A feature map is the output of one filter at every position, before the activation. Red: the filter
finds its pattern there; blue: the opposite. */
"use strict";

window.Maps = (() => {
  const MOST = 64; // maps of a layer that are shown
  const LAYER_NAMES = {
    max_pool: "max-pooling", average_pool: "average-pooling", relu: "ReLU", elu: "ELU", scale: "scale",
  };

  let convolutional; // [{ name, net }] with at least one convolution
  let section; // of the page
  let current = 0; // which of them is shown
  let parts = {}; // elements that are filled anew
  let seen = null; // the image, null where there is none
  let answers = []; // of all nets, as Page has them
  const view = { layer: -1, filter: 0, channel: 0, row: 0, column: 0, moved: false };

  const { element } = Panels;
  const isConvolution = ({ kind }) => kind === "conv";
  const net = () => convolutional[current].net;

  /** Fill `element` with the maps of the nets that have convolutions; hide it if none has. */
  function start(place, networks, nets) {
    section = place;
    convolutional = networks
      .map(({ name }, k) => ({ name, net: nets[k], place: k }))
      .filter(({ net: one }) => one.layers.some(isConvolution));
    section.hidden = convolutional.length === 0;
    if (section.hidden) return;
    current = convolutional.length - 1;
    build();
  }

  /** Build the elements for the current net. */
  function build() {
    const layers = [...net().layers.keys()].filter((k) => isConvolution(net().layers[k]));
    parts = { rows: [] };
    const title = element("h2", "", `Inside the ${convolutional[current].name}`);
    title.id = "inside-title";
    const head = element("div", "inside-head");
    head.append(title);
    if (convolutional.length > 1) {
      head.append(select("Net", convolutional.map(({ name }) => name), current, (k) => {
        current = k;
        build();
        show(seen, answers);
      }));
    }
    const text = "Each small picture is the output of one filter at every position of its input: red " +
      "where the filter finds its pattern, blue where it finds the opposite. Choose one, then slide " +
      "the filter over the image with the pointer or the arrow keys.";
    const maps = element("div", "maps");
    const last = layers.at(-1);
    maps.append(row(layers[0]));
    if (layers.length > 1) {
      let lower = row(last);
      if (layers.length > 2) {
        const later = layers.slice(1);
        maps.append(select("Layer", later.map((k) => net().layers[k].name), later.length - 1, (k) => {
          parts.rows.pop();
          const fresh = row(later[k]);
          lower.replaceWith(fresh);
          lower = fresh;
          if (view.layer !== layers[0]) pick(later[k], 0);
          show(seen, answers);
        }));
      }
      maps.append(lower);
    }
    const both = element("div", "inside-grid");
    both.append(maps, detail());
    section.replaceChildren(head, element("p", "intro", text), both);
    Object.assign(view, { layer: -1, moved: false });
  }

  /** Return a labelled list to choose from. */
  function select(text, names, chosen, changed) {
    const label = element("label", "choice", `${text} `);
    const list = element("select");
    list.append(...names.map((name, k) => new Option(name, k, k === chosen, k === chosen)));
    list.addEventListener("change", () => changed(Number(list.value)));
    label.append(list);
    return label;
  }

  /** Return the maps of a layer, a radio button for each. */
  function row(index) {
    const { name, kernel } = net().layers[index];
    const [height, width, channels, filters] = kernel.shape;
    const group = element("fieldset");
    const from = index === firstConvolution() ? "over the image" : `over ${channels} maps`;
    const cut = filters > MOST ? ` (the first ${MOST} are shown)` : "";
    group.append(element("legend", "",
      `${name}: ${filters} filters of ${height} × ${width} ${from}${cut}`));
    const grid = element("div", "thumbs");
    const canvases = [];
    const inputs = [];
    for (let k = 0; k < Math.min(filters, MOST); k++) {
      const label = element("label");
      const input = Object.assign(element("input"), { type: "radio", name: "map", value: `${index} ${k}` });
      input.setAttribute("aria-label", `${name}, filter ${k + 1} of ${filters}`);
      input.addEventListener("change", () => {
        pick(index, k);
        showDetail();
      });
      const canvas = element("canvas");
      label.append(input, canvas);
      grid.append(label);
      canvases.push(canvas);
      inputs.push(input);
    }
    group.append(grid);
    parts.rows.push({ index, canvases, inputs });
    return group;
  }

  const firstConvolution = () => net().layers.findIndex(isConvolution);

  /** Return the panel of the sliding filter. */
  function detail() {
    const panel = element("div", "filter");
    const pictures = element("div", "slides");
    for (const [part, text] of [["input", "Slide the filter over this"], ["output", "Feature map"]]) {
      const figure = element("figure");
      const slide = element("div", "slide");
      const canvas = element("canvas");
      const box = element("span", "box");
      slide.append(canvas, box);
      slide.tabIndex = 0;
      slide.setAttribute("role", "application");
      slide.addEventListener("keydown", (event) => step(event));
      slide.addEventListener("pointermove", (event) => point(event, part));
      slide.addEventListener("pointerdown", (event) => point(event, part));
      const caption = element("figcaption", "", text);
      figure.append(slide, caption);
      pictures.append(figure);
      parts[part] = { slide, canvas, box, caption };
    }
    parts.channel = element("div", "channel");
    parts.numbers = element("div", "numbers");
    parts.sum = element("p", "sum");
    parts.sum.setAttribute("aria-live", "polite");
    panel.append(pictures, parts.channel, parts.numbers, parts.sum);
    return panel;
  }

  /** Paint everything for an image (null: there is none) and what the nets make of it. */
  function show(image, results) {
    if (!convolutional.length) return;
    [seen, answers] = [image, results];
    const answer = answers[convolutional[current].place];
    section.classList.toggle("empty", !answer);
    if (!answer) return;
    for (const { index, canvases } of parts.rows) {
      const { values, shape } = answer.outputs[index];
      const largest = largestOf(values);
      canvases.forEach((canvas, k) => {
        Panels.paintSigned(canvas, channelOf(values, shape, k), shape.slice(0, 2), largest);
      });
    }
    if (view.layer < 0) pick(firstConvolution(), strongest(firstConvolution()));
    else if (!view.moved) pick(view.layer, view.filter, view.channel);
    showDetail();
  }

  const largestOf = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

  /** Return one channel of values [height, width, channels]. */
  function channelOf(values, [height, width, channels], k) {
    const result = new Float32Array(height * width);
    for (let at = 0; at < result.length; at++) result[at] = values[at * channels + k];
    return result;
  }

  const outputOf = (index) => answers[convolutional[current].place].outputs[index];

  /** Return the input of a layer: { values, shape: [height, width, channels] }. */
  function inputOf(index) {
    if (index > 0) return outputOf(index - 1);
    const { shape } = net();
    return { values: Float32Array.from(seen, (grey) => grey / 255), shape: [shape[0], shape[1], 1] };
  }

  /** Return the filter of a layer whose map has the largest value. */
  function strongest(index) {
    const { values, shape } = outputOf(index);
    return values.indexOf(values.reduce((most, value) => Math.max(most, value))) % shape[2];
  }

  /** Choose a filter; its position becomes that of its largest output. */
  function pick(index, filter, channel = null) {
    Object.assign(view, { layer: index, filter, moved: false });
    const { values, shape } = outputOf(index);
    const map = channelOf(values, shape, filter);
    const at = map.indexOf(map.reduce((most, value) => Math.max(most, value)));
    [view.row, view.column] = [Math.floor(at / shape[1]), at % shape[1]];
    view.channel = channel ?? mostOf(products().perChannel);
  }

  const mostOf = (numbers) => numbers.reduce((best, value, k) => (value > numbers[best] ? k : best), 0);

  /** Return how far before the first pixel the filter begins, as TensorFlow pads: rows, columns. */
  function padding({ kernel, strides, padding: kind }, shape) {
    return [0, 1].map((axis) => {
      if (kind === "VALID") return 0;
      const size = Math.ceil(shape[axis] / strides[axis]);
      const all = (size - 1) * strides[axis] + kernel.shape[axis] - shape[axis];
      return Math.max(0, all) >> 1;
    });
  }

  /** Return what the filter multiplies at its position: for the chosen channel the numbers of the
   * patch and the filter, and for each channel the sum of the products. */
  function products() {
    const layer = net().layers[view.layer];
    const [height, width, channels, filters] = layer.kernel.shape;
    const { values, shape } = inputOf(view.layer);
    const [top, left] = padding(layer, shape);
    const perChannel = new Array(channels).fill(0);
    const [patch, weights] = [[], []];
    for (let r = 0; r < height; r++) {
      for (let c = 0; c < width; c++) {
        const y = view.row * layer.strides[0] - top + r;
        const x = view.column * layer.strides[1] - left + c;
        const inside = y >= 0 && y < shape[0] && x >= 0 && x < shape[1];
        for (let k = 0; k < channels; k++) {
          const pixel = inside ? values[(y * shape[1] + x) * channels + k] : 0;
          const weight = layer.kernel.values[((r * width + c) * channels + k) * filters + view.filter];
          perChannel[k] += pixel * weight;
          if (k !== view.channel) continue;
          patch.push(pixel);
          weights.push(weight);
        }
      }
    }
    return { patch, weights, perChannel, top, left };
  }

  /** Show the chosen filter at its position. */
  function showDetail() {
    const layer = net().layers[view.layer];
    const [height, width, channels] = layer.kernel.shape;
    const input = inputOf(view.layer);
    const output = outputOf(view.layer);
    for (const { index, inputs } of parts.rows) {
      inputs.forEach((button, k) => (button.checked = index === view.layer && k === view.filter));
    }
    const first = view.layer === firstConvolution() && channels === 1;
    const from = channelOf(input.values, input.shape, view.channel);
    if (first) Panels.paintGrey(parts.input.canvas, from.map((value) => 255 * value), input.shape);
    else Panels.paintSigned(parts.input.canvas, from, input.shape.slice(0, 2), largestOf(input.values));
    const map = channelOf(output.values, output.shape, view.filter);
    Panels.paintSigned(parts.output.canvas, map, output.shape.slice(0, 2), largestOf(map));
    const { patch, weights, perChannel, top, left } = products();
    const place = [view.row * layer.strides[0] - top, view.column * layer.strides[1] - left];
    frame(parts.input.box, place, [height, width], input.shape);
    frame(parts.output.box, [view.row, view.column], [1, 1], output.shape);
    const which = `filter ${view.filter + 1} of ${layer.name}`;
    parts.input.slide.setAttribute("aria-label", `Input of ${which}; arrow keys move the filter`);
    parts.output.slide.setAttribute("aria-label", `Map of ${which}; arrow keys move the filter`);
    parts.output.caption.textContent = `Map of ${which}`;
    writeChannel(channels, perChannel);
    writeNumbers(patch, weights, [height, width]);
    writeSum(perChannel, layer);
  }

  /** Place a frame of `size` rows and columns at `place` of an image. */
  function frame(box, [row, column], [height, width], shape) {
    box.style.top = `${(100 * row) / shape[0]}%`;
    box.style.left = `${(100 * column) / shape[1]}%`;
    box.style.height = `${(100 * height) / shape[0]}%`;
    box.style.width = `${(100 * width) / shape[1]}%`;
  }

  /** Offer the input channels of a layer that has several. */
  function writeChannel(channels, perChannel) {
    const list = parts.channel.querySelector("select");
    if (list && list.length === channels) {
      list.value = view.channel;
    } else {
      parts.channel.replaceChildren();
      if (channels === 1) return;
      const names = perChannel.map((_, k) => `${k + 1} of ${channels}`);
      parts.channel.append(select("Input map", names, view.channel, (k) => {
        view.channel = k;
        showDetail();
      }));
    }
  }

  const number = (value) => {
    const digits = Math.abs(value) < 9.995 ? 2 : Math.abs(value) < 99.95 ? 1 : 0;
    const text = Math.abs(value).toFixed(digits);
    return Number(text) === 0 ? "0" : (value < 0 ? "−" : "") + text;
  };

  /** Write the patch, the filter and their products as three tables of numbers. */
  function writeNumbers(patch, weights, [height, width]) {
    const tables = [
      ["patch", patch, ""], ["filter", weights, "×"], ["products", patch.map((p, k) => p * weights[k]), "="],
    ];
    const cells = height * width;
    if (parts.numbers.dataset.cells !== `${height} ${width}`) {
      parts.numbers.dataset.cells = `${height} ${width}`;
      parts.numbers.replaceChildren(...tables.map(([name, , sign]) => {
        const block = element("div", "block");
        const table = element("div", "table");
        table.style.gridTemplateColumns = `repeat(${width}, 1fr)`;
        for (let k = 0; k < cells; k++) table.append(element("span"));
        block.append(element("p", "", `${sign} ${name}`), table);
        return block;
      }));
      parts.numbers.setAttribute("aria-hidden", "true"); // the sum is said in words
    }
    const ends = ["var(--against)", "var(--for)"];
    tables.forEach(([, values], t) => {
      const largest = Math.max(...values.map(Math.abs)) || 1;
      const spans = parts.numbers.children[t].lastChild.children;
      values.forEach((value, k) => {
        spans[k].textContent = number(value);
        const part = Math.round((40 * Math.abs(value)) / largest);
        const end = t === 0 ? "var(--muted)" : ends[value > 0 ? 1 : 0];
        spans[k].style.background = `color-mix(in srgb, ${end} ${part}%, transparent)`;
      });
    });
  }

  /** Write the sum in words, and what follows the convolution. */
  function writeSum(perChannel, layer) {
    const { values, shape } = outputOf(view.layer);
    const result = values[(view.row * shape[1] + view.column) * shape[2] + view.filter];
    const here = perChannel[view.channel];
    const others = perChannel.reduce((sum, value) => sum + value, 0) - here;
    const bias = result - here - others;
    const { signed } = Panels;
    const terms = [`products ${signed(here, 2)}`];
    if (perChannel.length > 1) terms.push(`the other ${perChannel.length - 1} input maps ${signed(others, 2)}`);
    terms.push(`bias ${signed(bias, 2)}`);
    const after = [];
    for (const { kind, size } of net().layers.slice(view.layer + 1)) {
      if (["conv", "dense", "flatten", "average"].includes(kind)) break;
      after.push((LAYER_NAMES[kind] ?? kind) + (size ? ` ${size.join(" × ")}` : ""));
    }
    const then = after.length ? ` Then: ${after.join(", ")}.` : "";
    parts.sum.textContent = `Row ${view.row + 1}, column ${view.column + 1} of the map: ` +
      `${terms.join(", ")} = ${signed(result, 2)}.${then}`;
  }

  // Moving the filter.

  function moveTo(row, column) {
    const { shape } = outputOf(view.layer);
    view.row = Math.max(0, Math.min(shape[0] - 1, row));
    view.column = Math.max(0, Math.min(shape[1] - 1, column));
    view.moved = true;
    showDetail();
  }

  function step(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (!steps[event.key] || !seen || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moveTo(view.row + steps[event.key][0], view.column + steps[event.key][1]);
  }

  /** Move the filter so that its middle is under the pointer. */
  function point(event, part) {
    if (!seen || view.layer < 0) return;
    const frameOf = parts[part].slide.getBoundingClientRect();
    const layer = net().layers[view.layer];
    const { shape } = part === "input" ? inputOf(view.layer) : outputOf(view.layer);
    const at = [
      ((event.clientY - frameOf.top) / frameOf.height) * shape[0],
      ((event.clientX - frameOf.left) / frameOf.width) * shape[1],
    ];
    if (part === "output") return moveTo(...at.map(Math.floor));
    const pads = padding(layer, shape);
    return moveTo(...at.map((value, axis) =>
      Math.round((value + pads[axis] - layer.kernel.shape[axis] / 2) / layer.strides[axis])));
  }

  return { start, show, view };
})();
