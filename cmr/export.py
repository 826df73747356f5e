"""Writes a model for others to serve: a SavedModel that takes strings and picture files, or ONNX.

    python -m cmr.export --model=flickr8k.cmr --to=serving/1
    python -m cmr.export --model=flickr8k.cmr --to=flickr8k-onnx --format=onnx

Says what the exported model takes, and what of this project's reading of pictures it can't do.
"""

import pathlib

from absl import flags

from cmr.cli import command, search_flags

FLAGS = flags.FLAGS

GROUPS = (search_flags.export_flags,)


def main() -> None:
    from cmr.serving import exporting

    folder = pathlib.Path(FLAGS.to)
    said = exporting.export(FLAGS.model, folder, FLAGS.format)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{said}\nwritten {folder}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
