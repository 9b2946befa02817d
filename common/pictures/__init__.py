"""A picture file → images like those of MNIST, or an error that says why that is not possible.

    preparation.py  prepare: all steps in one call
    listing.py      a folder → its picture files, and what is left out
    reading.py      a file → its colours, upright, on a white background
    ink.py          colours → how much ink each pixel has, independent of paper, pen and lighting
    digits.py       ink → the digits in it, from left to right
    fitting.py      one digit → an image: at most 20 pixels long, centred by mass in 28 × 28
    polarity.py     light on dark → as the network's training images were
    doubt.py        images → which of them perhaps show no digit
    text.py         an image → characters, to be printed

MNIST was made in this way from scanned forms (http://yann.lecun.com/exdb/mnist/): "size normalized
to fit in a 20x20 pixel box while preserving their aspect ratio", with grey levels from
anti-aliasing, then "centered in a 28x28 image by computing the center of mass". A network that was
trained on such images classifies only such images correctly. The constants in these files were
chosen on validation images with `python -m benchmarks.preparation --split validation`.
"""
