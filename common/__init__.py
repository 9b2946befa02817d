"""What the three scripts share.

These nine files build the graph and run the Session loop with nothing but TensorFlow's public
functions. Read the three scripts and layers.py first, then the others in any order:

    layers.py        new_weights, new_conv_layer, new_fc_layer, dropout, batch normalisation
    networks.py      the record that build_graph returns; other convolutional networks
    augmentation.py  data augmentation: distorted training images
    objective.py     penalties, learning-rate schedules, optimizers
    data.py          the three splits, and which images are in which mini-batch
    session.py       new_session: a tf.Session, and the state of a run
    training.py      mini_batches: the loop's mini-batches, and all that happens between them
    evaluation.py    accuracy, its interval, the confusion matrix as text
    settings.py      every flag, and the recipe that its default belongs to

The packages can be skipped on a first reading:

    datasets/        files → arrays: IDX, downloads, folders of pictures, .npz, CSV
    pictures/        one picture file → an image like MNIST's
    run/             the results of a run: report, checkpoints, summaries, files on disk
    plots/           arrays → pictures
    comparison/      the tables and tests of compare.py
    page/            trained nets → an HTML file to draw digits in: python -m common.page
    parallel/        how a step is made fast; parallel/cluster/: several machines
    process/         the program around it: start, errors, signals, the command line, the machine

compare.py, predict.py, runs.py and transfer.py are commands: python -m common.compare --help.
If you start one of them by its path, common.py prints the right command.
"""

from common.process.errors import UsageError, UserError
from common.process.start import start

__all__ = ["UsageError", "UserError"]

start()

# What tables and pictures call the nets of the scripts.
MODEL_NAMES = {"mnist_softmax": "softmax regression", "mnist_mlp": "MLP", "mnist_cnn": "CNN"}
