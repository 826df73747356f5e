"""What cmr.train's second phase takes over from its first one, and what it refuses of it."""

import pytest
from absl import flags

from cmr import train
from cmr.cli import command, finetune_flags
from cmr.config import ModelConfig, RunConfig, TrainConfig
from cmr.errors import WorkspaceError

OF_FIRST = "--loss=hinge", "--noimage_norm_in_loss", "--negatives=hardest", "--warm_up_epochs=1", "--margin=0.3"


def first_run(folder):
    """A folder with what a run says of itself."""
    folder.mkdir(parents=True)
    sizes = ModelConfig("vse", 1, 0, 9)
    (folder / "config.json").write_text(RunConfig("scenes", sizes, TrainConfig(), "vgg", "", "", {}).to_json())
    (folder / "flags.txt").write_text("\n".join(OF_FIRST))
    return folder


def taken(run, *typed):
    """The flags of a second phase, after what is not typed was taken over."""
    values = command.separate_flags(train.GROUPS)
    values(["cmr.train", "--finetune_cnn", f"--finetune_from={run}", *typed])
    finetune_flags.take_flags_of_run(values, train.GROUPS)
    return values


def test_what_is_not_typed_is_the_first_phases_and_so_is_the_workspace(tmp_path):
    values = taken(first_run(tmp_path / "workspace" / "scenes" / "runs" / "first"), "--margin=0.4")

    assert (values.negatives, values.warm_up_epochs, values.margin) == ("hardest", 1, 0.4)
    assert values.workspace_dir == str(tmp_path / "workspace")


@pytest.mark.parametrize(
    "typed", [["--loss=softmax", "--warm_up_epochs=0"], ["--negatives=batch"], ["--negatives=epoch"]]
)
def test_what_is_typed_must_go_with_the_first_phases_flags(tmp_path, typed):
    run = first_run(tmp_path / "workspace" / "scenes" / "runs" / "first")

    with pytest.raises(flags.IllegalFlagValueError):
        taken(run, *typed)


@pytest.mark.parametrize("place", ["first", "scenes/first", "workspace/other/runs/first", "workspace/scenes/old/first"])
def test_a_run_that_lies_elsewhere_is_named_where_no_workspace_is_given(tmp_path, place):
    run = first_run(tmp_path / place)

    with pytest.raises(WorkspaceError, match=f"{place} is not where cmr.train writes a run.*move it back"):
        taken(run)
    assert taken(run, f"--workspace_dir={tmp_path}").workspace_dir == str(tmp_path)
