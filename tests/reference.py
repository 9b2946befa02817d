"""The layers once more in NumPy, written for clearness: what TensorFlow's results must equal."""

import numpy as np


def relu(values):
    return np.maximum(values, 0)


def convolution(images, filters):
    """Zero-padded (SAME), stride 1: [n, h, w, in] and [size, size, in, out] → [n, h, w, out]."""
    size = filters.shape[0]
    before = (size - 1) // 2
    after = size - 1 - before
    padded = np.pad(images, [(0, 0), (before, after), (before, after), (0, 0)])
    height, width = images.shape[1:3]
    result = np.zeros((*images.shape[:3], filters.shape[3]))
    for row in range(size):
        for column in range(size):
            window = padded[:, row : row + height, column : column + width]
            result += window @ filters[row, column]
    return result


def max_pool(images):
    """2 × 2, stride 2; an odd last row or column is pooled by itself (SAME)."""
    n, height, width, channels = images.shape
    padding = [(0, 0), (0, height % 2), (0, width % 2), (0, 0)]
    padded = np.pad(images, padding, constant_values=-np.inf)
    squares = padded.reshape(n, (height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    return squares.max(axis=(2, 4))


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy(logits, labels):
    """The mean over the examples of −log(probability of the true class)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_probabilities[np.arange(len(labels)), labels].mean()


def gradient(function, values, step=1e-6):
    """d function() / d values by central differences; float64 `values` change and change back."""
    result = np.empty_like(values)
    for index in np.ndindex(values.shape):
        kept = values[index]
        values[index] = kept + step
        above = function()
        values[index] = kept - step
        below = function()
        values[index] = kept
        result[index] = (above - below) / (2 * step)
    return result
