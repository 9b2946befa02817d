"""Time and memory against batch size, number of images, image size and number of cores."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.exponents import exponent, exponents_between, slope, where_linear
from benchmarks.process import whole_process
from benchmarks.timing import ChildError, in_rounds, progress_bar, ratio, spread, start_all
from benchmarks.workloads import STEPS, Workload, read
from common.data import DataSets, load_data
from common.process.machine import num_cores

import numpy as np
from PIL import Image

BATCH_SIZES = (16, 64, 256, 1024, 4096)
TRAINING_IMAGES = (15_000, 60_000, 240_000, 480_000)
IMAGE_SIDES = (14, 28, 56, 112)


def measure_growth(options: Namespace) -> dict[str, Any]:
    """Time the CNN's step against batch size and image size, and a run against the data's size.

    Args:
        options: `rounds`, `seconds` per round, and `processes`, the number of whole processes.

    Returns:
        a list of series with their exponents, and the step time of all nets on 1, 2, … cores.

    Raises:
        UserError: a child process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        return {
            "series": [
                _against_batch_size(options),
                _against_training_images(options, Path(folder)),
                _against_image_size(options, Path(folder)),
            ],
            "cores": _against_cores(options),
        }


def _against_batch_size(options: Namespace) -> dict[str, Any]:
    tasks = {
        size: ("ours", STEPS["cnn"].with_flags("--batch-size", str(size)), None)
        for size in BATCH_SIZES
    }
    return _series("CNN, one step", "batch size", tasks, options)


def _against_image_size(options: Namespace, folder: Path) -> dict[str, Any]:
    data = load_data()
    tasks = {}
    for side in IMAGE_SIDES:
        path = folder / f"{side}.npz"
        write_resized(data, side, path)
        tasks[side * side] = ("ours", STEPS["cnn"].with_flags("--data-dir", str(path)), None)
    return _series("CNN, one step of 64 images", "pixels per image", tasks, options)


def write_resized(data: DataSets, side: int, path: Path) -> None:
    """Write the first 2,400 training and 200 test images as an .npz file, `side` pixels square."""
    arrays = {}
    for name, split, count in (("train", data.train, 2400), ("test", data.test, 200)):
        images = split.images[:count].reshape(-1, *data.image_shape)
        resized = [np.asarray(Image.fromarray(image).resize((side, side))) for image in images]
        arrays |= {f"x_{name}": np.stack(resized), f"y_{name}": split.labels[:count]}
    np.savez(path, **arrays)


def _series(
    title: str, size_name: str, tasks: dict[int, tuple[str, Workload, None]], options: Namespace
) -> dict[str, Any]:
    """Time steps at several sizes, which take turns."""
    with ExitStack() as stack, progress_bar(size_name, len(tasks) * (options.rounds + 1)) as bar:
        children, failed = start_all(stack, tasks)
        times, failed_later = in_rounds(children, options.rounds, options.seconds, bar.update)
        for message in (*failed.values(), *failed_later.values()):
            raise ChildError(message)
        memory = [child.do("steps", 1)["memory"] for child in children.values()]
    return _with_exponents(title, size_name, list(tasks), list(times.values()), memory)


def _with_exponents(
    title: str, size_name: str, sizes: list[int], times: list[list[float]], memory: list[int]
) -> dict[str, Any]:
    seconds = [spread(of_one) for of_one in times]
    medians = [of_one.median for of_one in seconds]
    return {
        "title": title,
        "size": size_name,
        "sizes": sizes,
        "seconds": seconds,
        "memory": memory,
        "exponent": exponent(sizes, medians),
        "exponents": exponents_between(sizes, medians),
        "linear": where_linear(sizes, medians),
        "memory_per_size": slope(sizes, memory),
    }


def _against_training_images(options: Namespace, folder: Path) -> dict[str, Any]:
    """Run softmax regression for one epoch on sets of several sizes, as whole processes."""
    data = load_data()
    paths = {}
    for size in TRAINING_IMAGES:
        paths[size] = folder / f"{size}.npz"
        write_repeated(data, size, paths[size])
    times: dict[int, list[float]] = {size: [] for size in paths}
    memory = dict.fromkeys(paths, 0)
    rounds = max(1, options.processes // 2)
    with progress_bar("training images", rounds * len(paths)) as bar:
        for _ in range(rounds):
            for size, path in paths.items():
                flags = ("--epochs", "1", "--data-dir", str(path), "--output-dir", str(folder))
                done = whole_process("mnist_softmax.py", *flags)
                times[size].append(done.seconds)
                memory[size] = max(memory[size], done.memory)
                bar.update()
        idle = whole_process("mnist_softmax.py", "--help")  # loads TensorFlow and ends
    series = _with_exponents(
        "`mnist_softmax.py --epochs 1`, whole process",
        "training images",
        list(paths),
        list(times.values()),
        list(memory.values()),
    )
    data_bytes = [size * data.num_pixels for size in paths]
    series["memory_per_byte_of_data"] = slope(data_bytes, series["memory"])
    series["tensorflow_memory"] = idle.memory
    return series


def write_repeated(data: DataSets, size: int, path: Path) -> None:
    """Write an .npz file of `size` training images: those of `data`, repeated."""
    indices = np.arange(size) % len(data.train)
    shape = (-1, *data.image_shape)
    np.savez(
        path,
        x_train=data.train.images[indices].reshape(shape),
        y_train=data.train.labels[indices],
        x_test=data.test.images.reshape(shape),
        y_test=data.test.labels,
    )


def _against_cores(options: Namespace) -> dict[str, Any]:
    """Time each net's step on 1, 2, 4, … cores."""
    available = num_cores()
    cores = [2**k for k in range(available.bit_length()) if 2**k <= available]
    results = {}
    for name in STEPS:
        workload = read(STEPS[name])
        tasks = {number: ("ours", workload, number) for number in cores}
        total = len(cores) * (options.rounds + 1)
        with ExitStack() as stack, progress_bar(f"cores, {name}", total) as bar:
            children, failed = start_all(stack, tasks)
            times, failed_later = in_rounds(children, options.rounds, options.seconds, bar.update)
            for message in (*failed.values(), *failed_later.values()):
                raise ChildError(message)
        results[name] = {
            "title": workload.title,
            "seconds": {number: spread(times[number]) for number in cores},
            "speedup": {number: ratio(times[1], times[number]) for number in cores},
        }
    return results
