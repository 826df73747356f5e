"""scene_contents.json: what every picture shows, and the grammar of the sentences, to check captions by."""

import pathlib
from collections.abc import Sequence

from cmr.workspace import json_files
from data_prep.scenes import sentences
from data_prep.scenes.scene import COLOURS, FLOATING, SIZES, STANDING, Scene

FORMAT = 1


def write_contents(path: pathlib.Path, drawn: Sequence[Scene]) -> None:
    """Writes the file; WORKSPACE.md says what is in it."""
    kinds = (*STANDING, *FLOATING)
    content = {
        "format": FORMAT,
        "grammar": {
            "kinds": {kind: sentences.plural(kind) for kind in kinds},
            "colours": list(COLOURS),
            "sizes": list(SIZES),
            "numbers": {word: number for number, word in sentences.NUMBERS.items()},
            "places": {setting: list(phrases) for setting, phrases in sentences.PLACES.items()},
            "templates": {relation: list(templates) for relation, templates in sentences.TEMPLATES.items()},
        },
        "scenes": {scene.image_id: _content(scene) for scene in drawn},
    }
    json_files.write_json(path, content, indent=None)


def _content(scene: Scene) -> dict:
    things = [
        {
            "kind": thing.kind,
            "colour": thing.colour,
            "size": thing.size,
            "left": round(thing.x - thing.width / 2, 1),
            "right": round(thing.x + thing.width / 2, 1),
            "top": round(thing.base - thing.height, 1),
            "bottom": round(thing.base, 1),
        }
        for thing in scene.things
    ]
    return {"setting": scene.setting, "things": things}
