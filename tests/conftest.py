"""What all tests need before TensorFlow is imported."""

import os

# Only the scripts load TensorFlow quietly; here its log lines would stand between the results. The
# oneDNN kernels are those of the scripts.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
