"""What compare.py trains, and finished runs → statistics, tables and pictures.

runs.py         the models of a comparison, and the training of what is missing
statistics.py   mean and spread over the seeds, McNemar's test between two models
tables.py       numbers → the table on the terminal, Markdown and sentences
durations.py    how long a comparison takes
figures.py      the pictures of a comparison
distortions.py  shifted, rotated, noisy, … images in several strengths
mnist_c.py      twelve corruptions of MNIST-C
robustness.py   accuracy on such images, and calibration
pressure.py     --robustness: measures this for the models of a comparison; writes the results
sizes.py        --train-sizes: accuracy against the number of training images
references.py   the models of scikit-learn beside it

compare.py calls these functions and decides where the files are written.
"""
