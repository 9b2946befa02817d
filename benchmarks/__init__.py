"""Measurements of speed and accuracy; the commands are for those who maintain this repository.

Commands:

__main__.py     python -m benchmarks: the scripts against PyTorch, JAX, Keras, plain TensorFlow
scaling.py      python -m benchmarks.scaling: one training on 1 to 3 processes
preparation.py  python -m benchmarks.preparation: how well pictures of digits are prepared
writers.py      python -m benchmarks.writers: who wrote the digits, and what that does to intervals
doubt.py        python -m benchmarks.doubt: what is taken for a digit, and which digits are doubted
pictures.py     python -m benchmarks.pictures: how well a folder of labelled pictures is read
drawing.py      python -m benchmarks.drawing: how fast a drawing page answers, and what it reads
publish.py      python -m benchmarks.publish: a finished comparison → a page of docs/

What python -m benchmarks measures:

steps.py        time per training step and per test image, of each framework
accuracy.py     whole runs: time and test accuracy, of each framework
process.py      a whole process, from its start to its exit
growth.py       time and memory against batch size, images, image size and cores

The frameworks, each in a process of its own:

workloads.py    what is trained: layers, recipe, data
frameworks.py   the list of frameworks, and the process of one of them
trainer.py      the interface of a framework, its mini-batches
ours.py  plain.py  pytorch.py  jax_.py  keras_.py     the implementations

Shared parts:

timing.py         child processes that take turns; medians, quartiles, ratios
exponents.py      exponents of growth
tables.py         numbers → the tables of docs/performance.md
options.py        flags that several commands have
pages.py          replaces a table between the markers of a page
scaling_model.py  a model of the step time on many machines
renderings.py     a digit → a picture file, as a photo or a scan shows it
fonts.py          the digits of fonts as pictures
nondigits.py      pictures that show no digit
strokes.py        digits as a pointer draws them
browser.py        draws them in a browser, on a drawing page
"""
