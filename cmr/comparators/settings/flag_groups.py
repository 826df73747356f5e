"""The flags of cmr.compare, in the groups that `--help` prints, and the features that they name."""

from collections.abc import Sequence

from absl import flags

from cmr.cli import compare_flags
from cmr.cli import flags as cmr_flags
from cmr.comparators.settings.declared import Settings, unsaid
from cmr.comparators.settings.registry import SETTINGS
from cmr.workspace import feature_names

# Systems of several names share their settings.
KINDS: Sequence[type[Settings]] = tuple(dict.fromkeys(SETTINGS.values()))

GROUPS = (
    cmr_flags.workspace_flags,
    compare_flags.system_group(tuple(SETTINGS)),
    compare_flags.course_flags,
    compare_flags.word_vector_flags,
    cmr_flags.cnn_flags,
    cmr_flags.features_flags,
    *(compare_flags.settings_group(kind) for kind in KINDS),
)


def of_other_systems(system: str) -> frozenset[str]:
    """The flags that say nothing of a run of a system: the settings of the others."""
    own = SETTINGS[system]
    others = {name for kind in KINDS if kind is not own for name in compare_flags.names(kind)}
    return frozenset(others.difference(compare_flags.names(own)))


def without_effect(values: flags.FlagValues) -> frozenset[str]:
    """The flags that say nothing of a run of cmr.compare: those of other systems, and what `declared.unsaid` names."""
    kind = SETTINGS[values.system]
    later = unsaid(compare_flags.settings_of(values, kind))
    return of_other_systems(values.system) | {f"{kind.flag_prefix}_{name}" for name in later}


def features_read(values: flags.FlagValues) -> tuple[str, str]:
    """Folder names of the features that a system reads in X_vgg's and in X_img's place, "" where it reads none.

    Those that are named by --vgg_features and --image_features; where neither is, those of the CNN flags: both CNNs'
    pooled ones side by side, or the one folder of another kind that the system reads, of --image_model. A system that
    reads a captioner takes that one's, of --image_model too where there is none yet.

    Args:
      values: the parsed flags, the data set's defaults applied.
    """
    kind = SETTINGS[values.system]
    if values.vgg_features or values.image_features:
        return values.vgg_features, values.image_features
    crops = int(values.crops)
    if kind.reads != "pooled":
        return "", feature_names.of_image(values.image_model, values.hub_module, crops, layer=kind.reads)
    image = feature_names.of_image(values.image_model, values.hub_module, crops)
    if compare_flags.settings_of(values, kind).takes_captioner:
        return "", image
    return feature_names.of_vgg(values.vgg_model, values.vgg_layer, crops), image
