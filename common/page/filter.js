/* A filter of a convolution slides over its input: the patch under it × the filter, summed. */
"use strict";

window.Filter = (() => {
  const AFTER = { max_pool: "max-pooling", average_pool: "average-pooling", relu: "ReLU" };
  const POOLS = ["max_pool", "average_pool"];
  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  const placeOfLargest = (values) =>
    values.reduce((best, value, k) => (value > values[best] ? k : best), 0);

  /** Return a number in at most four characters, for a small cell: "1", ".93", "−.08". */
  function short(value) {
    const size = Math.abs(value);
    const text = size.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
    if (Number(text) === 0) return "0";
    return (value < 0 ? "−" : "") + text.replace(/\.0+$/, "").replace(/^0\./, ".");
  }

  /** Return how many pixels of its input a filter covers along an axis. */
  const extent = (layer, axis) => (layer.size[axis] - 1) * layer.dilations[axis] + 1;

  /** Whether a ReLU cuts off what is negative in the output of a convolution. */
  function isCut(layers, index) {
    const after = layers.slice(index + 1).find(({ kind }) => !POOLS.includes(kind));
    return ["relu", "relu6"].includes(after?.kind);
  }

  /** Make the panel for a net with these layers. It begins with the convolution `first` and the
   * filter that finds most. `mark(layer, filter)` is called when it shows another filter.
   *
   * Returns { element, pick(layer, filter), show(outputs), view }. */
  function panel(layers, first, mark) {
    const { element, select, channelOf, largestOf, signed } = Panels;
    const view = { layer: first, filter: null, channel: null, row: 0, column: 0 };
    let stays = false; // whether somebody chose the position
    let outputs = null; // of all layers, for the image

    const box = element("div", "filter");
    const pictures = element("div", "slides");
    const input = slide("input");
    const output = slide("output");
    pictures.append(input.figure, output.figure);
    const choice = element("div", "channel");
    const numbers = element("div", "numbers");
    numbers.setAttribute("aria-hidden", "true"); // the sum says it in words
    const sum = element("p", "sum");
    box.append(pictures, choice, numbers, sum);

    /** Make a picture in which the filter is moved. */
    function slide(part) {
      const figure = element("figure");
      const field = element("div", "slide");
      const [canvas, frame, caption] = ["canvas", "span", "figcaption"].map((tag) => element(tag));
      frame.className = "box";
      field.append(canvas, frame);
      field.tabIndex = 0;
      field.setAttribute("role", "application");
      field.addEventListener("keydown", step);
      // A screen reader says the sum where the filter is moved, not while somebody draws.
      field.addEventListener("focus", () => sum.setAttribute("aria-live", "polite"));
      field.addEventListener("blur", () => sum.setAttribute("aria-live", "off"));
      for (const kind of ["pointerdown", "pointermove"]) {
        field.addEventListener(kind, (event) => point(event, part));
      }
      figure.append(field, caption);
      return { figure, field, canvas, frame, caption };
    }

    const layer = () => layers[view.layer];

    /** Return what the layer gets. The first layer of a net makes numbers of pixels. */
    const inputOf = () => outputs[view.layer - 1];

    /** Show a filter of a layer (null: the one that finds most), where it finds most. */
    function pick(index, filter = null) {
      Object.assign(view, { layer: index, filter, channel: null });
      stays = false;
      if (outputs) find();
    }

    /** Show the outputs of all layers for another image. */
    function show(all) {
      outputs = all;
      if (stays) draw();
      else find();
    }

    /** Move the filter to where it finds most. */
    function find() {
      const { values, shape } = outputs[view.layer];
      view.filter ??= placeOfLargest(values) % shape[2];
      const at = placeOfLargest(channelOf(values, shape, view.filter));
      [view.row, view.column] = [Math.floor(at / shape[1]), at % shape[1]];
      view.channel ??= placeOfLargest(products().perChannel);
      draw();
    }

    /** Return what the filter multiplies at its position: of the chosen channel the numbers of
     * the patch and of the filter, and for each channel the sum of the products. */
    function products() {
      const { kernel, dilations } = layer();
      const [height, width, channels, filters] = kernel.shape;
      const { values, shape } = inputOf();
      const [top, left] = corner();
      const perChannel = new Array(channels).fill(0);
      const [patch, weights] = [[], []];
      for (let r = 0; r < height; r++) {
        for (let c = 0; c < width; c++) {
          const y = top + r * dilations[0];
          const x = left + c * dilations[1];
          const inside = y >= 0 && y < shape[0] && x >= 0 && x < shape[1];
          for (let k = 0; k < channels; k++) {
            const pixel = inside ? values[(y * shape[1] + x) * channels + k] : 0;
            const weight = kernel.values[((r * width + c) * channels + k) * filters + view.filter];
            perChannel[k] += pixel * weight;
            if (k !== view.channel) continue;
            patch.push(pixel);
            weights.push(weight);
          }
        }
      }
      return { patch, weights, perChannel };
    }

    /** Return row and column of the input at which the filter begins; negative in the padding. */
    function corner() {
      const { strides, start } = layer();
      return [view.row, view.column].map((at, axis) => at * strides[axis] + start[axis]);
    }

    function draw() {
      const { name, kernel } = layer();
      const [from, to] = [inputOf(), outputs[view.layer]];
      const channels = kernel.shape[2];
      const plane = channelOf(from.values, from.shape, view.channel);
      const isImage = channels === 1 && from.kind === "pixels";
      const largest = largestOf(from.values);
      if (isImage) {
        const grey = plane.map((value) => (255 * value) / (largest || 1));
        Panels.paintGrey(input.canvas, grey, from.shape);
      } else {
        Panels.paintMap(input.canvas, plane, from.shape, largest, false);
      }
      const map = channelOf(to.values, to.shape, view.filter);
      const cut = isCut(layers, view.layer);
      Panels.paintMap(output.canvas, map, to.shape, Panels.scaleOf(map, cut), cut);
      place(input.frame, corner(), [extent(layer(), 0), extent(layer(), 1)], from.shape);
      place(output.frame, [view.row, view.column], [1, 1], to.shape);
      const which = `filter ${view.filter + 1} of ${name}`;
      input.caption.textContent = `Slide the filter over ${isImage ? "the image" : "its input"}`;
      output.caption.textContent = `Map of ${which}`;
      input.field.setAttribute("aria-label", `Input of ${which}: the arrow keys move the filter`);
      output.field.setAttribute("aria-label", `Map of ${which}: the arrow keys move the filter`);
      const { patch, weights, perChannel } = products();
      offer(channels);
      write(patch, weights, kernel.shape);
      sum.textContent = inWords(perChannel);
      mark(view.layer, view.filter);
    }

    /** Place a frame of so many rows and columns on a picture. */
    function place(frame, [row, column], [height, width], shape) {
      frame.style.top = `${(100 * row) / shape[0]}%`;
      frame.style.left = `${(100 * column) / shape[1]}%`;
      frame.style.height = `${(100 * height) / shape[0]}%`;
      frame.style.width = `${(100 * width) / shape[1]}%`;
    }

    /** Offer the input channels of a layer that has several. */
    function offer(channels) {
      const list = choice.querySelector("select");
      if (list && list.length === channels) {
        list.value = view.channel;
        return;
      }
      choice.replaceChildren();
      if (channels === 1) return;
      const names = Array.from({ length: channels }, (_, k) => `${k + 1} of ${channels}`);
      choice.append(select("Input map", names, view.channel, (k) => {
        view.channel = k;
        draw();
      }));
    }

    /** Write the patch, the filter and their products as three tables of numbers. */
    function write(patch, weights, [height, width]) {
      const all = [patch, weights, patch.map((value, k) => value * weights[k])];
      const size = `${height} × ${width}`;
      if (numbers.dataset.size !== size) {
        numbers.dataset.size = size;
        numbers.replaceChildren(...["patch", "× filter", "= products"].map((name) => {
          const [block, table] = [element("div", "block"), element("div", "table")];
          table.style.gridTemplateColumns = `repeat(${width}, 1fr)`;
          for (let k = 0; k < height * width; k++) table.append(element("span"));
          block.append(element("p", "", name), table);
          return block;
        }));
      }
      all.forEach((values, t) => {
        const largest = largestOf(values) || 1;
        const cells = numbers.children[t].lastChild.children;
        values.forEach((value, k) => {
          const colour = t === 0 ? "--muted" : value > 0 ? "--for" : "--against";
          const part = Math.round((40 * Math.abs(value)) / largest);
          cells[k].textContent = short(value);
          cells[k].style.background = `color-mix(in srgb, var(${colour}) ${part}%, transparent)`;
        });
      });
    }

    /** Return the sum, and what follows the convolution. */
    function inWords(perChannel) {
      const { values, shape } = outputs[view.layer];
      const result = values[(view.row * shape[1] + view.column) * shape[2] + view.filter];
      const here = perChannel[view.channel];
      const others = perChannel.reduce((total, value) => total + value, 0) - here;
      // Each rounded to two digits; the bias takes what the rounding of the others leaves.
      const [all, one, rest] = [result, here, others].map((value) => Math.round(100 * value));
      const terms = [`products ${signed(one / 100, 2)}`];
      if (perChannel.length > 1) {
        terms.push(`the other ${perChannel.length - 1} input maps ${signed(rest / 100, 2)}`);
      }
      terms.push(`bias ${signed((all - one - rest) / 100, 2)}`);
      const after = [];
      for (const { kind, size } of layers.slice(view.layer + 1)) {
        if (["conv", "dense", "flatten", "average"].includes(kind)) break;
        after.push((AFTER[kind] ?? kind) + (size ? ` ${size.join(" × ")}` : ""));
      }
      const then = after.length ? ` Then: ${after.join(", ")}.` : "";
      return `Row ${view.row + 1}, column ${view.column + 1}: ${terms.join(", ")} = ` +
        `${signed(all / 100, 2)}.${then}`;
    }

    function moveTo(...position) {
      const { shape } = outputs[view.layer];
      [view.row, view.column] = position.map((at, axis) =>
        Math.max(0, Math.min(shape[axis] - 1, at)));
      stays = true;
      draw();
    }

    function step(event) {
      if (!STEPS[event.key] || !outputs || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const [down, right] = STEPS[event.key];
      moveTo(view.row + down, view.column + right);
    }

    /** Move the filter so that its middle is under the pointer. */
    function point(event, part) {
      if (!outputs) return;
      const isInput = part === "input";
      const { shape } = isInput ? inputOf() : outputs[view.layer];
      const area = (isInput ? input : output).field.getBoundingClientRect();
      const at = [
        ((event.clientY - area.top) / area.height) * shape[0],
        ((event.clientX - area.left) / area.width) * shape[1],
      ];
      if (!isInput) return moveTo(...at.map(Math.floor));
      const { strides, start } = layer();
      return moveTo(...at.map((value, axis) =>
        Math.round((value - start[axis] - extent(layer(), axis) / 2) / strides[axis])));
    }

    return { element: box, pick, show, view };
  }

  return { panel, isCut };
})();
