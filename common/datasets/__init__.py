"""Files → the arrays of a data set. `python -m common.datasets` prepares folders of photos.

reading.py      read_arrays: which form the files have, and what comes of it
idx.py          one IDX file → one array
idx_folders.py  four IDX files, named like MNIST's or EMNIST's
download.py     the four files of MNIST: names, checksums, mirrors
folders.py      train/CLASS/*.png and test/CLASS/*.png
disputed.py     the test images of MNIST whose label people dispute
npz.py          x_train, y_train, x_test, y_test in one file
csv_files.py    one CSV file with label,pixel0,… in each row, as Kaggle has it
csv_sets.py     one for training and one for the test
submission.py   one without labels → a net's answers, for common.predict --csv
input_data.py   TensorFlow 1's read_data_sets and next_batch, for old scripts
arrays.py       what the files hold → arrays to train with; every convention is checked here, with
pixels.py       the scale of the pixels, colours, flat images
labels.py       names, one-hot rows, numbers that begin with 1
order.py        labels in order: a split without some classes
orientation.py  light on dark or dark on light; transposed digits
"""
