"""What all tests need: the variables below before TensorFlow is imported, and trained nets."""

import os
import signal

# Only the scripts load TensorFlow quietly; here its log lines would stand between the results. The
# oneDNN kernels are those of the scripts.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import pytest
import trained

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # pytest in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Folders that all tests of the session have in common."""
    return trained.Shared(tmp_path_factory)


@pytest.fixture(scope="session")
def trained_run(shared):
    """Name of a script → its run in trained.py."""
    return shared.run_of
