"""Files → the arrays of a data set.

    idx.py       one IDX file → one array
    download.py  the four files of MNIST: names, checksums, mirrors
    folders.py   train/CLASS/*.png and test/CLASS/*.png
"""
