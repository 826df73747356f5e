"""The CNN of a packed model: the Keras file of its features with kernels in half precision."""

import io
import zipfile

import h5py
import numpy as np

_WEIGHTS_H5 = "model.weights.h5"


def with_dtype(keras_file: bytes, dtype: str) -> bytes:
    """A Keras file whose kernels are kept in another type; Keras reads them back as float32.

    Vectors (biases, the statistics of batch normalisation) stay as they are: they are a hundredth of the size, and a
    small variance has few digits in float16.

    Args:
      keras_file: content of a `.keras` file.
      dtype: `float16` or `float32`.

    Returns:
      Content of the other file; its members carry no time, so that the same CNN gives the same bytes.
    """
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(keras_file)) as source, zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(zipfile.ZipInfo(name), _weights(content, dtype) if name == _WEIGHTS_H5 else content)
    return written.getvalue()


def _weights(content: bytes, dtype: str) -> bytes:
    written = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as source, h5py.File(written, "w") as target:
        _copy(source, target, dtype)
    return written.getvalue()


def _copy(source: h5py.Group, target: h5py.Group, dtype: str) -> None:
    for key, value in source.attrs.items():
        target.attrs[key] = value
    for name, node in source.items():
        if isinstance(node, h5py.Group):
            _copy(node, target.create_group(name), dtype)
            continue
        array = node[()]
        is_kernel = array.ndim > 1 and array.dtype == np.float32
        written = target.create_dataset(name, data=array.astype(dtype) if is_kernel else array)
        for key, value in node.attrs.items():
            written.attrs[key] = value
