"""scene_contents.json: what every picture of the scenes shows, and the grammar of their sentences."""

import pathlib
from collections.abc import Sequence
from typing import Any

from cmr.errors import WorkspaceError
from cmr.workspace import json_files
from cmr.workspace.json_kinds import ByName, Listed, Number, OneOf, Record, Text, Whole

FORMAT = 1

_NAMED = {"kind": Text(), "colour": Text(), "size": Text()}
_EDGES = {edge: Number() for edge in ("left", "right", "top", "bottom")}
_CONTENTS = Record(
    {
        "format": OneOf((FORMAT,)),
        "grammar": Record(
            {
                "kinds": ByName(Text()),
                "colours": Listed(Text()),
                "sizes": Listed(Text()),
                "numbers": ByName(Whole()),
                "places": ByName(Listed(Text())),
                "templates": ByName(Listed(Text())),
            }
        ),
        "scenes": ByName(Record({"setting": Text(), "things": Listed(Record({**_NAMED, **_EDGES}))})),
    }
)
_MEND = "run data_prep.prepare again"


def contents(grammar: dict[str, Any], scenes: dict[str, Any]) -> dict[str, Any]:
    """The file's content; WORKSPACE.md says what is in it."""
    return {"format": FORMAT, "grammar": grammar, "scenes": scenes}


def read_contents(path: pathlib.Path, image_ids: Sequence[str]) -> dict[str, Any]:
    """Reads the file.

    Args:
      path: the file.
      image_ids: images that it has to know.

    Raises:
      WorkspaceError: it is missing or damaged, or says nothing of one of them.
    """
    if not path.exists():
        raise WorkspaceError(f"{path} is missing; {_MEND}")
    contents = json_files.read_workspace_json(path, _CONTENTS, _MEND)
    strange = [image_id for image_id in image_ids if image_id not in contents["scenes"]]
    if strange:
        raise WorkspaceError(f"{path} says nothing of {strange[0]}; {_MEND}")
    return contents
