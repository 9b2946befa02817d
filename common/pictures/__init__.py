"""A picture file → images like those of MNIST, or an error that says why that is not possible.

    preparation.py  prepare: all steps in one call
    listing.py      a folder → its picture files, and what is left out

The steps, in their order:

    reading.py      a file → its colours, upright, on a white background
    limits.py       … within bounds of time, whatever is in the file
    levels.py       … with black and white where more than 8 bits have them
    paper.py        colours → the sheet that the ink is on, if there is a table around it
    ink.py          colours → how much ink each pixel has, independent of paper, pen and lighting
    classes.py      … where ink and paper are two clear classes
    parts.py        ink → its connected parts, without frames, the edge of a table, specks
    lines.py        parts → lines from top to bottom, in each its digits from left to right
    digits.py       lines → the digits, and what was left out
    creases.py      … and which of them run across the picture, as a crease does
    fitting.py      one digit → an image: at most 20 pixels long, centred by mass in 28 × 28
    polarity.py     light on dark → as the network's training images were
    doubt.py        images → which of them perhaps show no digit
    text.py         an image → characters, to be printed

Two rules decide what is read. Paper is what surrounds the ink, not what the edge of the picture
shows. What encloses other ink is a frame, not a digit. What is left out is said in a note, and what
is refused in an error.

MNIST was made in this way from scanned forms (http://yann.lecun.com/exdb/mnist/): "size normalized
to fit in a 20x20 pixel box while preserving their aspect ratio", with grey levels from
anti-aliasing, then "centered in a 28x28 image by computing the center of mass". A network that was
trained on such images classifies only such images correctly. The constants in these files were
chosen on validation images with `python -m benchmarks.preparation --split validation`, and on
pictures of other people with `python -m benchmarks.pictures`.
"""
