"""Trained nets → one HTML file in which visitors draw a digit: python -m common.page --help.

From a trained net to the file, in Python:

chain.py        the graph of a SavedModel → a chain of layers
operations.py   one operation of TensorFlow → a layer
layers.py       the layers of a net, as the page has them and as TensorFlow computes them
weights.py      weights → text in 16 or 8 bits
facts.py        what a run says about its net: name, command, parameters, accuracy
examples.py     which test images the page shows
content.py      nets and images → what the page holds beside its code
build.py        template, style, scripts and content → one file

What the file is made of, in the language of browsers; no library, nothing is loaded:

page.html       the template
page.css        its style; maps.css: that of the feature maps
network.js      pixels → the outputs of all layers, scores, probabilities
evidence.js     how much each pixel contributes to the score of a class
preparation.js  a drawing → an image as MNIST has it, as common/pictures/ prepares it; it says what
                each of its steps does: preparation_paper.js, preparation_surface.js,
                preparation_ink.js, preparation_parts.js, preparation_regions.js,
                preparation_lines.js, preparation_digits.js, preparation_fitting.js,
                preparation_classes.js, preparation_grids.js
distortion.js   shifted, rotated, wider, noisy images
drawing.js      the canvas: mouse, finger, pen
controls.js     how the image is distorted: sliders, buttons, arrow keys
panels.js       what is shown of each net: answer, bars, evidence
maps.js         the feature maps of a convolutional net
filter.js       one of its filters, sliding over the image, in numbers
words.js        the sentences of the page
page.js         the page as a whole

The functions of each script are in one object of its name: Network, Evidence, Preparation, …
"""
