"""What goes wrong when a `.npy` or `.npz` file is read."""

import tokenize
import zipfile
import zlib

# NumPy, zipfile, zlib and the reader of a header raise all of these for files that are cut off, damaged or of other
# content: an array that is not there, or has fewer axes than are asked for, among them.
UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError),
    *(NotImplementedError, RecursionError, RuntimeError, SyntaxError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
