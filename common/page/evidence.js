/* Why a net gives a class its score: how much each pixel contributes.

Evidence.of(net, pixels, classIndex) multiplies each pixel by the gradient of the score with respect
to it: how much the score rises when the pixel gets a little lighter. Positive evidence speaks for the
class, negative evidence against it. Of softmax regression that is weight × pixel.

What does not come from pixels comes from biases: each bias times the gradient of the score with
respect to it. For a net of convolutions, fully-connected layers, pooling and ReLU the evidence of all
pixels and of all biases adds up to the score. Where it does not, as after a tanh, the rest is told.

The gradient is computed backwards: from how the score depends on the output of a layer follows how
it depends on the layer's input.

Source: Shrikumar et al., "Not just a black box", 2016 (arXiv 1605.01713), gradient × input. */
"use strict";

window.Evidence = (() => {
  // Each function takes the gradient with respect to a layer's output, and returns the one with
  // respect to its input: a Float32Array. `input` and `output` are what the layer has computed.

  function dense(layer, gradient, input) {
    const weights = layer.weights.values;
    const result = new Float32Array(input.length);
    const neurons = gradient.length;
    for (let i = 0; i < input.length; i++) {
      let sum = 0;
      for (let k = 0; k < neurons; k++) sum += weights[i * neurons + k] * gradient[k];
      result[i] = sum;
    }
    return result;
  }

  function scale(layer, gradient) {
    const factor = layer.factor.values;
    return gradient.map((value, i) => value * factor[i % factor.length]);
  }

  function conv(layer, gradient, input) {
    const [height, width, channels] = layer.input;
    const [rows, columns, filters] = layer.shape;
    const [kernelHeight, kernelWidth] = layer.size;
    const [strideY, strideX] = layer.strides;
    const [stepY, stepX] = layer.dilations;
    const [top, left] = layer.start;
    const kernel = layer.kernel.values;
    const result = new Float32Array(input.length);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const place = (row * columns + column) * filters;
        // Pooling and ReLU make most gradients 0.
        const active = [];
        for (let f = 0; f < filters; f++) if (gradient[place + f] !== 0) active.push(f);
        if (!active.length) continue;
        for (let ky = 0; ky < kernelHeight; ky++) {
          const y = top + row * strideY + ky * stepY;
          if (y < 0 || y >= height) continue;
          for (let kx = 0; kx < kernelWidth; kx++) {
            const x = left + column * strideX + kx * stepX;
            if (x < 0 || x >= width) continue;
            const pixel = (y * width + x) * channels;
            const weight = (ky * kernelWidth + kx) * channels;
            for (let c = 0; c < channels; c++) {
              const first = (weight + c) * filters;
              let sum = 0;
              for (const f of active) sum += kernel[first + f] * gradient[place + f];
              result[pixel + c] += sum;
            }
          }
        }
      }
    }
    return result;
  }

  /** The gradient goes to the largest number of each window, the first of equal ones. */
  function maxPool(layer, gradient, input) {
    const result = new Float32Array(input.length);
    const channels = layer.shape[2];
    Network.eachWindow(layer, (place, inside) => {
      for (let c = 0; c < channels; c++) {
        let largest = inside[0];
        for (const pixel of inside) if (input[pixel + c] > input[largest + c]) largest = pixel;
        result[largest + c] += gradient[place + c];
      }
    });
    return result;
  }

  function averagePool(layer, gradient, input) {
    const result = new Float32Array(input.length);
    const channels = layer.shape[2];
    Network.eachWindow(layer, (place, inside) => {
      for (const pixel of inside) {
        for (let c = 0; c < channels; c++) {
          result[pixel + c] += gradient[place + c] / inside.length;
        }
      }
    });
    return result;
  }

  function average(layer, gradient, input) {
    const positions = input.length / gradient.length;
    return new Float32Array(input.length).map((_, i) => gradient[i % gradient.length] / positions);
  }

  function pad(layer, gradient, input) {
    const [height, width, channels] = layer.input;
    const result = new Float32Array(input.length);
    for (let y = 0; y < height; y++) {
      const first = ((y + layer.before[0]) * layer.shape[1] + layer.before[1]) * channels;
      result.set(gradient.subarray(first, first + width * channels), y * width * channels);
    }
    return result;
  }

  // The slope of each activation where its input is x and its output is y.
  const SLOPES = {
    relu: (x) => (x > 0 ? 1 : 0),
    relu6: (x) => (x > 0 && x < 6 ? 1 : 0),
    leaky_relu: (x, y, layer) => (x > 0 ? 1 : layer.alpha),
    elu: (x, y) => (x > 0 ? 1 : y + 1),
    selu: (x, y) => (x > 0 ? Network.SELU.scale : y + Network.SELU.scale * Network.SELU.alpha),
    sigmoid: (x, y) => y * (1 - y),
    tanh: (x, y) => 1 - y * y,
    softplus: (x) => 1 / (1 + Math.exp(-x)),
    softsign: (x) => 1 / (1 + Math.abs(x)) ** 2,
  };

  const BACKWARDS = {
    ...{ pixels: scale, scale, conv, dense, average, pad },
    ...{ max_pool: maxPool, average_pool: averagePool },
    flatten: (layer, gradient) => gradient,
    reshape: (layer, gradient) => gradient,
  };
  for (const [kind, slope] of Object.entries(SLOPES)) {
    BACKWARDS[kind] = (layer, gradient, input, output) =>
      gradient.map((value, i) => (value === 0 ? 0 : value * slope(input[i], output[i], layer)));
  }

  /** Return Σ gradient × bias of a layer. */
  function ofBias(layer, gradient) {
    const bias = (layer.bias ?? layer.offset)?.values;
    let sum = 0;
    if (bias) for (let i = 0; i < gradient.length; i++) sum += gradient[i] * bias[i % bias.length];
    return sum;
  }

  /** Return the evidence for a class.

  @param net - of Network.read
  @param {Uint8Array} pixels - height · width numbers, 0 to 255
  @param {number} classIndex - which class, from 0
  @returns {{pixels: Float32Array, bias: number, score: number, rest: number}} pixels: the evidence
    of each pixel; score = their sum + bias + rest */
  function of(net, pixels, classIndex) {
    const { outputs, scores } = Network.run(net, pixels);
    let gradient = new Float32Array(scores.length);
    gradient[classIndex] = 1;
    let bias = 0;
    for (let number = net.layers.length - 1; number >= 0; number--) {
      const layer = net.layers[number];
      const input = number ? outputs[number - 1].values : pixels;
      bias += ofBias(layer, gradient);
      gradient = BACKWARDS[layer.kind](layer, gradient, input, outputs[number].values);
    }
    const evidence = gradient.map((slope, i) => slope * pixels[i]);
    const sum = evidence.reduce((one, other) => one + other, 0);
    const score = scores[classIndex];
    return { pixels: evidence, bias, score, rest: score - sum - bias };
  }

  return { of };
})();
