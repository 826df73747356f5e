"""Imports TensorFlow without its start-up noise."""

import os
import sys
import tempfile


def import_tensorflow(show_logs: bool) -> None:
    """Imports TensorFlow and Keras, and opens the devices.

    TensorFlow's C++ code writes to file descriptor 2 before any log level is read, so the descriptor itself
    is pointed elsewhere meanwhile; what it said is shown when the import fails.

    Args:
      show_logs: leave TensorFlow's messages as they are.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if show_logs:
        _open_devices()
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        failed = True
        try:
            _open_devices()
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            if failed:
                noise.seek(0)
                sys.stderr.write(noise.read().decode(errors="replace"))


def _open_devices() -> None:
    import keras  # noqa: F401
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    # Logical devices can't be changed once opened, so this only counts the physical ones.
    tf.config.list_physical_devices()
