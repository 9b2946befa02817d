"""What a run leaves behind.

    report.py       the printed report, metrics.json, predictions.npy, pictures, SavedModel
    checkpoints.py  everything that a run needs to continue
    summaries.py    event files for TensorBoard
    files.py        every file is written to a temporary name, then renamed
"""
