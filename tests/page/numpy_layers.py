"""The layers of the page in NumPy, written from their definitions, position by position."""

import numpy as np


def window_starts(size, kernel, stride, padding, dilation=1):
    """The first position of each window along an axis, as TensorFlow's documentation has it."""
    reach = (kernel - 1) * dilation + 1
    if padding == "VALID":
        return [i * stride for i in range(-(-(size - reach + 1) // stride))]
    number = -(-size // stride)
    total = max(reach - (size % stride or stride), 0)
    return [i * stride - total // 2 for i in range(number)]


def starts(shape, size, strides, padding, dilations=(1, 1)):
    axes = zip(shape, size, strides, dilations, strict=False)
    return [window_starts(*axis[:3], padding, axis[3]) for axis in axes]


def at(image, y, x):
    """The channels of a pixel, None outside the image."""
    inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
    return image[y, x] if inside else None


def conv(image, kernel, bias, strides, padding, dilations):
    rows, columns = starts(image.shape, kernel.shape, strides, padding, dilations)
    result = np.tile(bias.astype(np.float64), (len(rows), len(columns), 1))
    for i, j, ky, kx in np.ndindex(len(rows), len(columns), *kernel.shape[:2]):
        pixel = at(image, rows[i] + ky * dilations[0], columns[j] + kx * dilations[1])
        if pixel is not None:
            result[i, j] += pixel @ kernel[ky, kx]
    return result


def pool(image, join, size, strides, padding):
    rows, columns = starts(image.shape, size, strides, padding)
    result = np.empty((len(rows), len(columns), image.shape[2]))
    for i, j in np.ndindex(len(rows), len(columns)):
        window = [at(image, rows[i] + y, columns[j] + x) for y, x in np.ndindex(*size)]
        result[i, j] = join([pixel for pixel in window if pixel is not None], axis=0)
    return result


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    # Klambauer et al., "Self-normalizing neural networks", 2017.
    "selu": lambda x: 1.05070098 * np.where(x > 0, x, 1.67326324 * (np.exp(x) - 1)),
}
