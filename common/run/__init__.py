"""The results of a run, and what is shown during it.

report.py       the rest of the printed report, metrics.json, predictions.npy
figures.py      the pictures of a run
patches.py      the parts of images that excite a filter most
export.py       the SavedModel
inference.py    its graph: that of the training without what only the training needs
folding.py      batch normalisation, folded into the weights before it
model.py        a SavedModel, loaded to be used
usual.py        the models that a command takes when none is named
inside.py       what the layers of a loaded net make of an image
familiarity.py  what the training images look like, so that others are told from them
strokes.py      numbers that describe the strokes of an image
signature.py    whether a SavedModel takes images and returns probabilities
checkpoints.py  everything that a run needs to continue
counting.py     counts the steps of a script whose training step does not
own.py          what a script does by itself: its variables, shapes of placeholders, optimizers
unsaved.py      what of a training step no checkpoint holds
code.py         whether the code of a script has changed since a run
state.py        what a checkpoint says of its run
metrics.py      what metrics.json says of a finished run
contents.py     JSON that others may have written, checked
summaries.py    event files for TensorBoard
film.py         what an animated picture of the training shows
found.py        the runs on disk, finished or not, and what is known of each
flags.py        settings → the flags that were typed for a run
teacher.py      a trained net in the graph of another one, which learns from its probabilities
source.py       a finished run, from which transfer learning starts
curve.py        the rows of the learning curve, and their seconds
progress.py     the tables of layers and of the learning curve, and the bar
files.py        every file is written to a temporary name, then renamed
"""
