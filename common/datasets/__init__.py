"""Files → the arrays of a data set. `python -m common.datasets` prepares folders of photos.

reading.py   read_arrays: which form the files have; IDX files named like MNIST's
idx.py       one IDX file → one array
download.py  the four files of MNIST: names, checksums, mirrors
folders.py   train/CLASS/*.png and test/CLASS/*.png
npz.py       x_train, y_train, x_test, y_test in one file
arrays.py    the four arrays, and whether they fit together
"""
