/* What a net computes: pixels → the output of each layer → scores → probabilities.

Network.read(json) decodes the weights of a net, once. Network.run(net, pixels) computes it.

A net is a chain of layers. The output of a layer is a Float32Array; its shape is [height, width,
channels] or [neurons], and the channels of a position lie side by side, as in TensorFlow. Kinds:

    pixels, scale         x · factor + offset (a shorter row of factors is repeated)
    conv                  a filter for each channel of the output, at each position; + bias
    dense                 x · weights + bias
    max_pool              the largest number of each window; what lies outside the image is ignored
    average_pool          the mean of each window, of the pixels that lie inside the image
    average               the mean of each channel over all positions
    pad                   zeros around the image
    flatten, reshape      the same numbers in another shape
    relu, relu6, leaky_relu, elu, selu, sigmoid, tanh, softplus, softsign

The scores are the output of the last layer. A softmax turns them into probabilities. */
"use strict";

window.Network = (() => {
  // Reading.

  /** Return the bytes that a text in base64 stands for. */
  function bytes(text) {
    const characters = atob(text);
    const result = new Uint8Array(characters.length);
    for (let i = 0; i < characters.length; i++) result[i] = characters.charCodeAt(i);
    return result;
  }

  const POWERS = Float64Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 25));

  /** Return the number that 16 bits stand for: a sign, 5 bits of exponent, 10 of the fraction. */
  function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    return sign * (exponent ? (1024 + fraction) * POWERS[exponent] : fraction * POWERS[1]);
  }

  /** Decode an array: {type, shape, data} → {shape, values: Float32Array}. */
  function array(json) {
    const raw = bytes(json.data);
    let values;
    if (json.type === "float16") {
      values = Float32Array.from(new Uint16Array(raw.buffer), half);
    } else if (json.type === "int8") {
      // Whole numbers, and a scale for each channel of the output.
      const scale = new Float32Array(bytes(json.scale).buffer);
      values = Float32Array.from(new Int8Array(raw.buffer), (n, i) => n * scale[i % scale.length]);
    } else {
      values = new Float32Array(raw.buffer);
    }
    return { shape: json.shape, values };
  }

  /** Decode a net: {name, layers, …} → the same with arrays of numbers, ready to run. */
  function read(json) {
    const layers = [];
    let input = null; // the shape of what goes into the layer
    for (const row of json.layers) {
      const layer = { ...row, input: input ?? row.shape };
      for (const name of ["kernel", "weights", "bias", "factor", "offset"]) {
        if (row[name]) layer[name] = array(row[name]);
      }
      const size = layer.size ?? layer.kernel?.shape;
      if (size) {
        const [height, width] = size;
        layer.size = [height, width];
        layer.dilations ??= [1, 1];
        layer.start = [0, 1].map((axis) => firstPosition(layer, axis));
      }
      layers.push(layer);
      input = layer.shape;
    }
    return { ...json, layers };
  }

  /** Return where the first window begins: at 0, or outside the image if it is padded (SAME). */
  function firstPosition(layer, axis) {
    if (layer.padding !== "SAME") return 0;
    // As much padding as the last window needs; where that is odd, less of it comes first.
    const reach = (layer.size[axis] - 1) * layer.dilations[axis] + 1;
    const needed = (layer.shape[axis] - 1) * layer.strides[axis] + reach - layer.input[axis];
    return -Math.floor(Math.max(needed, 0) / 2);
  }

  // Layers. Each function returns a new Float32Array, the output of `layer` for `input`.

  const count = (shape) => shape.reduce((product, size) => product * size, 1);

  function scale(layer, input) {
    const factor = layer.factor.values;
    const offset = layer.offset.values;
    const output = new Float32Array(input.length);
    for (let i = 0; i < input.length; i++) {
      output[i] = input[i] * factor[i % factor.length] + offset[i % offset.length];
    }
    return output;
  }

  function dense(layer, input) {
    const weights = layer.weights.values; // [inputs, neurons]
    const output = Float32Array.from(layer.bias.values);
    const neurons = output.length;
    for (let i = 0; i < input.length; i++) {
      const value = input[i];
      if (value === 0) continue; // the dark part of an image, and what a ReLU has cut
      const row = i * neurons;
      for (let k = 0; k < neurons; k++) output[k] += value * weights[row + k];
    }
    return output;
  }

  function conv(layer, input) {
    const [height, width, channels] = layer.input;
    const [rows, columns, filters] = layer.shape;
    const [kernelHeight, kernelWidth] = layer.size;
    const [strideY, strideX] = layer.strides;
    const [stepY, stepX] = layer.dilations;
    const [top, left] = layer.start;
    const kernel = layer.kernel.values; // [height, width, channels, filters]
    const bias = layer.bias.values;
    const output = new Float32Array(rows * columns * filters);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const place = (row * columns + column) * filters;
        const sums = output.subarray(place, place + filters);
        sums.set(bias);
        for (let ky = 0; ky < kernelHeight; ky++) {
          const y = top + row * strideY + ky * stepY;
          if (y < 0 || y >= height) continue;
          for (let kx = 0; kx < kernelWidth; kx++) {
            const x = left + column * strideX + kx * stepX;
            if (x < 0 || x >= width) continue;
            const pixel = (y * width + x) * channels;
            const weight = (ky * kernelWidth + kx) * channels;
            for (let c = 0; c < channels; c++) {
              const value = input[pixel + c];
              if (value === 0) continue;
              const first = (weight + c) * filters;
              for (let f = 0; f < filters; f++) sums[f] += value * kernel[first + f];
            }
          }
        }
      }
    }
    return output;
  }

  /** Call visit(output position, [input positions]) for each window of a pooling layer. */
  function eachWindow(layer, visit) {
    const [height, width, channels] = layer.input;
    const [rows, columns] = layer.shape;
    for (let row = 0; row < rows; row++) {
      const firstY = layer.start[0] + row * layer.strides[0];
      for (let column = 0; column < columns; column++) {
        const firstX = layer.start[1] + column * layer.strides[1];
        const inside = [];
        for (let y = Math.max(firstY, 0); y < Math.min(firstY + layer.size[0], height); y++) {
          for (let x = Math.max(firstX, 0); x < Math.min(firstX + layer.size[1], width); x++) {
            inside.push((y * width + x) * channels);
          }
        }
        visit((row * columns + column) * channels, inside);
      }
    }
  }

  function maxPool(layer, input) {
    const output = new Float32Array(count(layer.shape)).fill(-Infinity);
    const channels = layer.shape[2];
    eachWindow(layer, (place, inside) => {
      for (const pixel of inside) {
        for (let c = 0; c < channels; c++) {
          if (input[pixel + c] > output[place + c]) output[place + c] = input[pixel + c];
        }
      }
    });
    return output;
  }

  function averagePool(layer, input) {
    const output = new Float32Array(count(layer.shape));
    const channels = layer.shape[2];
    eachWindow(layer, (place, inside) => {
      for (const pixel of inside) {
        for (let c = 0; c < channels; c++) output[place + c] += input[pixel + c] / inside.length;
      }
    });
    return output;
  }

  function average(layer, input) {
    const output = new Float32Array(count(layer.shape));
    const positions = input.length / output.length;
    for (let i = 0; i < input.length; i++) output[i % output.length] += input[i] / positions;
    return output;
  }

  function pad(layer, input) {
    const [height, width, channels] = layer.input;
    const output = new Float32Array(count(layer.shape));
    for (let y = 0; y < height; y++) {
      const row = input.subarray(y * width * channels, (y + 1) * width * channels);
      output.set(row, ((y + layer.before[0]) * layer.shape[1] + layer.before[1]) * channels);
    }
    return output;
  }

  // So that the mean and the variance of a selu's output stay near 0 and 1.
  const SELU = { alpha: 1.6732632423543772, scale: 1.0507009873554805 };
  const ACTIVATIONS = {
    relu: (x) => (x > 0 ? x : 0),
    relu6: (x) => Math.min(Math.max(x, 0), 6),
    leaky_relu: (x, layer) => (x > 0 ? x : layer.alpha * x),
    elu: (x) => (x > 0 ? x : Math.expm1(x)),
    selu: (x) => SELU.scale * (x > 0 ? x : SELU.alpha * Math.expm1(x)),
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    tanh: Math.tanh,
    softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    softsign: (x) => x / (1 + Math.abs(x)),
  };

  const LAYERS = {
    ...{ pixels: scale, scale, conv, dense, average, pad },
    ...{ max_pool: maxPool, average_pool: averagePool },
    flatten: (layer, input) => input,
    reshape: (layer, input) => input,
  };
  for (const [kind, activation] of Object.entries(ACTIVATIONS)) {
    LAYERS[kind] = (layer, input) => input.map((x) => activation(x, layer));
  }

  // The net.

  /** Return the softmax of scores: positive numbers that add up to 1. */
  function softmax(scores) {
    const largest = scores.reduce((one, other) => Math.max(one, other));
    const powers = scores.map((score) => Math.exp(score - largest));
    const sum = powers.reduce((one, other) => one + other);
    return powers.map((power) => power / sum);
  }

  const lastRuns = new WeakMap(); // net → its last image and what run has returned for it

  /** Compute a net. For the image of the last call it returns what it has returned then.

  @param net - of Network.read
  @param {Uint8Array} pixels - height · width numbers, 0 to 255
  @returns {{outputs, scores, probabilities}} outputs: for each layer {kind, name, shape, values};
    scores and probabilities: a Float32Array with a number for each class */
  function run(net, pixels) {
    const last = lastRuns.get(net);
    if (last && last.pixels.every((value, i) => value === pixels[i])) return last.result;
    const outputs = [];
    let values = pixels;
    for (const layer of net.layers) {
      values = LAYERS[layer.kind](layer, values);
      outputs.push({ kind: layer.kind, name: layer.name, shape: layer.shape, values });
    }
    const result = { outputs, scores: values, probabilities: softmax(values) };
    lastRuns.set(net, { pixels: pixels.slice(), result });
    return result;
  }

  return { read, run, eachWindow, bytes, SELU };
})();
