"""What scenes show, and the grammar of their sentences, as scene_contents.json keeps them."""

from collections.abc import Sequence
from typing import Any

from cmr.workspace import scene_contents
from data_prep.scenes import sentences
from data_prep.scenes.scene import COLOURS, FLOATING, SIZES, STANDING, Scene


def contents(drawn: Sequence[Scene]) -> dict[str, Any]:
    """What scene_contents.json says of drawn scenes."""
    grammar = {
        "kinds": {kind: sentences.plural(kind) for kind in (*STANDING, *FLOATING)},
        "colours": list(COLOURS),
        "sizes": list(SIZES),
        "numbers": {word: number for number, word in sentences.NUMBERS.items()},
        "places": {setting: list(phrases) for setting, phrases in sentences.PLACES.items()},
        "templates": {relation: list(templates) for relation, templates in sentences.TEMPLATES.items()},
    }
    return scene_contents.contents(grammar, {scene.image_id: content(scene) for scene in drawn})


def content(scene: Scene) -> dict[str, Any]:
    """What a scene shows: its setting and, with its edges in pixels, each thing."""
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
