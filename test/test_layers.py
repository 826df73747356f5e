"""Which module may import which: arrows go down, no circles between folders, no file named like its folder."""

import ast
import pathlib
from collections.abc import Iterator

import pytest
from commands import ROOT

PACKAGES = ("cmr", "data_prep", "experiments")

# From the ground up; those of one line may not import each other, but for what `WITHIN` allows.
LAYERS = (
    ("cmr.errors",),
    ("cmr.progress", "cmr.config", "cmr.shell", "cmr.extras"),
    ("cmr.workspace",),
    ("cmr.pipelines",),
    ("cmr.data", "cmr.pictures", "cmr.training", "cmr.cli"),
    ("cmr.recurrent",),
    ("cmr.finetuning",),
    ("cmr.evaluation",),
    ("cmr.captioner",),
    ("cmr.text_space",),
    ("cmr.retrieval",),
    ("cmr.trained", "cmr.text_pretraining"),
    ("cmr.comparators", "cmr.distillation", "cmr.gallery"),
    ("cmr.serving",),
    ("cmr commands",),
)

# What data_prep reads of cmr: the workspace and what stands on it, and the captioner's files.
OF_CMR_FOR_DATA_PREP = (
    "errors",
    "progress",
    "config",
    "shell",
    "workspace",
    "pipelines",
    "data",
    "pictures",
    "cli",
    "captioner",
)

WITHOUT_TENSORFLOW = (*LAYERS[0], *LAYERS[1], "cmr.workspace", "cmr.pipelines", "cmr.data", "cmr.cli")


def modules() -> list[str]:
    """Every module by its dotted name; a package by that of its `__init__`."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)


MODULES = modules()


def source(module: str) -> pathlib.Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def imported(module: str, is_later_too: bool = True) -> Iterator[str]:
    """The project's modules that a module imports anywhere; the names that packages hand on left out.

    Args:
      module: its dotted name.
      is_later_too: whether what functions import counts, which comes when they are called.
    """
    tree = ast.parse(source(module).read_text(encoding="utf-8"))
    later = set()
    if not is_later_too:
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        later = {inner for function in functions for inner in ast.walk(function)}
    for node in ast.walk(tree):
        if node in later:
            continue
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in named:
            if name.split(".")[0] in PACKAGES:
                yield name if name in MODULES else name.rpartition(".")[0]


def is_command(module: str) -> bool:
    """Whether it is run by `python -m`."""
    return 'if __name__ == "__main__":' in source(module).read_text(encoding="utf-8")


def room(module: str) -> str:
    """The folder of a module, or the module itself where it lies beside the folders; commands stand above all."""
    parts = module.split(".")
    if is_command(module):
        return f"{parts[0]} commands"
    return ".".join(parts[:2])


def arrows() -> set[tuple[str, str]]:
    """Pairs of different rooms of which the first imports the second."""
    pairs = {
        (room(module), room(name)) for module in MODULES if not module.endswith("__init__") for name in imported(module)
    }
    return {(first, second) for first, second in pairs if first != second}


def test_there_is_something_to_check():
    assert len(MODULES) > 100
    assert ("cmr.retrieval", "cmr.evaluation") in arrows()


def test_every_room_of_cmr_has_its_layer():
    rooms = {room(module) for module in MODULES if module.startswith("cmr.") and not module.endswith("__init__")}

    assert rooms <= {name for layer in LAYERS for name in layer}


def test_arrows_within_cmr_go_down():
    floor = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    within = {pair for pair in arrows() if all(name.startswith("cmr") for name in pair)}

    assert not [pair for pair in within if floor[pair[0]] <= floor[pair[1]]]


def test_cmr_uses_neither_data_prep_nor_experiments():
    assert not [pair for pair in arrows() if pair[0].startswith("cmr") and not pair[1].startswith("cmr")]


def test_data_prep_uses_of_cmr_what_lies_below_the_models_and_not_experiments():
    outside = {second for first, second in arrows() if first.startswith("data_prep")}
    allowed = {f"cmr.{name}" for name in OF_CMR_FOR_DATA_PREP}

    assert not [name for name in outside if not name.startswith("data_prep") and name not in allowed]


def test_there_is_no_circle_between_rooms():
    beneath = {}
    for first, second in arrows():
        beneath.setdefault(first, set()).add(second)

    def reaches(start: str) -> set[str]:
        seen, waiting = set(), [start]
        while waiting:
            new = beneath.get(waiting.pop(), set()) - seen
            seen |= new
            waiting += new
        return seen

    assert not [name for name in beneath if name in reaches(name)]


def test_no_library_module_imports_a_command():
    assert not [pair for pair in arrows() if pair[1].endswith(" commands")]


@pytest.mark.parametrize("module", [module for module in MODULES if module.count(".") > 1])
def test_no_file_repeats_its_folders_name(module):
    folder, name = module.split(".")[-2:]

    assert name != folder
    # captioner_files, scene_drawing, files_of_captioner; a raw_dataset among datasets repeats nothing.
    assert not name.startswith((f"{folder}_", f"{folder.removesuffix('s')}_"))
    assert not name.endswith(f"_{folder}")


@pytest.mark.parametrize(
    "module", [module for module in MODULES if room(module) in WITHOUT_TENSORFLOW and module != "cmr.cli.startup"]
)
def test_the_ground_the_workspace_and_the_data_import_no_tensorflow(module):
    named = [
        name
        for node in ast.walk(ast.parse(source(module).read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    ]

    assert not {"tensorflow", "keras"} & {str(name).split(".")[0] for name in named}


def test_a_command_imports_apache_beam_only_where_it_runs_a_pipeline():
    seen, waiting = set(), [module for module in MODULES if is_command(module)]
    while waiting:
        seen.add(module := waiting.pop())
        waiting += {name for name in imported(module, is_later_too=False) if name in MODULES} - seen

    assert "cmr.pipelines.runners" in seen
    assert "cmr.pipelines.quiet_beam" not in seen
    texts = {module: source(module).read_text(encoding="utf-8") for module in MODULES}
    assert [module for module, text in texts.items() if "import apache_beam" in text] == ["cmr.pipelines.quiet_beam"]
