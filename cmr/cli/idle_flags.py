"""Flags that were typed and are not read by the training that the other flags ask for, of cmr.train and cmr.pretrain.

Those of flagfiles are not looked at: a row's file names all of its settings, and an overlay turns some of them off; and
none that has the value it would have anyway, as in the commands of cards. (An experiment gives its trainings every flag
as if it were typed; what is said of those stands in their logs.)
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from absl import flags
from absl.flags import FlagValues

from cmr.cli import datasets, training_flags
from cmr.config import ModelConfig


@dataclasses.dataclass(frozen=True)
class Rule:
    """Flags that are read under a condition alone.

    Attributes:
      names: of the flags.
      condition: as the user would give it.
      holds: whether it does.
    """

    names: tuple[str, ...]
    condition: str
    holds: Callable[[FlagValues], bool]


def _model(values: FlagValues) -> ModelConfig:
    """The model, to ask what it reads."""
    return ModelConfig(values.model, 0, 0, 0)


def _takes_usual_features(values: FlagValues) -> bool:
    """Whether features that the model reads are those of the CNN flags."""
    model = _model(values)
    usual_vgg = model.reads_vgg and not values.vgg_features
    return usual_vgg or (model.reads_image_features and not values.image_features)


_OF_IMAGE_FEATURES = (
    *("image_model", "hub_module", "image_features"),
    *("image_embedding", "captioner", "train_text_space", "text_space_dim"),
)


def _of_unnamed_image_features(*names: str) -> Rule:
    """Of CNN flags, which name features by default."""
    return Rule(names, "features that --image_features does not name", lambda values: not values.image_features)


_OF_IMAGE_CNN = (
    _of_unnamed_image_features("image_model", "hub_module"),
    Rule(("hub_module",), "--image_model=hub", lambda values: values.image_model == "hub"),
)

_OF_TRAIN = (
    Rule(("margin",), "--loss=hinge", lambda values: values.loss == "hinge"),
    Rule(("num_negatives",), "--negatives=epoch", lambda values: values.negatives == "epoch"),
    Rule(("min_ngram_count", "ngram_dropout"), "ngrams in --text_levels", lambda values: _has(values, "ngrams")),
    Rule(
        ("bidirectional", "gru_reset_after", "text_pooling"), "gru in --text_levels", lambda values: _has(values, "gru")
    ),
    # They come with the weights of the first one.
    Rule(
        ("captioner", "image_embedding", "text_space_dim", "word_vectors"),
        "a first phase",
        lambda values: not values.finetune_cnn,
    ),
    Rule(("word_dim", "word_dropout"), "gru or words in --text_levels", lambda values: values.text_levels != "ngrams"),
    Rule(("vgg_model", "vgg_layer", "vgg_features"), "--model=vse or fusion", lambda values: _model(values).reads_vgg),
    Rule(_OF_IMAGE_FEATURES, "--model=single or fusion", lambda values: _model(values).reads_image_features),
    Rule(
        ("allow_leak",),
        "--image_embedding=captioner, --word_vectors or --teachers",
        lambda values: (
            bool(values.word_vectors)
            or bool(values.teachers)
            # By default it is a captioner, where there is one.
            or (_model(values).reads_image_features and values.image_embedding in (None, "captioner"))
        ),
    ),
    Rule(
        ("text_space_dim",),
        "--image_embedding=linear or random",
        lambda values: values.image_embedding not in ("raw", "captioner") and not values.captioner,
    ),
    Rule(
        ("vgg_model", "vgg_layer"),
        "features that --vgg_features does not name",
        lambda values: not values.vgg_features,
    ),
    *_OF_IMAGE_CNN,
    Rule(("vgg_layer",), "--vgg_model=vgg16 or vgg19", lambda values: values.vgg_model != "scene_cnn"),
    Rule(("crops",), "features that are not named by --vgg_features and --image_features", _takes_usual_features),
    Rule(("finetune_crops",), "--finetune_blocks=1 or more", lambda values: values.finetune_blocks > 0),
    Rule(("logical_cpus",), "--strategy=mirrored", lambda values: values.strategy == "mirrored"),
    Rule(("worker_timeout",), "--strategy=multi_worker", lambda values: values.strategy == "multi_worker"),
)

RULES_OF_PRETRAIN = (
    *_OF_IMAGE_CNN,
    _of_unnamed_image_features("crops"),
    Rule(("samples_per_image",), "--self_critical", lambda values: values.self_critical),
    Rule(("max_pixels",), "--finetune_cnn, which reads the pictures", lambda values: values.finetune_cnn),
)


def rules_of_train(values: FlagValues) -> tuple[Rule, ...]:
    """Those of cmr.train; of a flag that two are about the first one is said."""
    return (*_added_later(values), *_OF_TRAIN)


def warnings(values: FlagValues, arguments: Sequence[str], rules: Sequence[Rule]) -> list[str]:
    """A sentence on each flag that was typed in vain, in the order of typing.

    Args:
      values: the command's, parsed, the data set's defaults applied.
      arguments: of the command, as they were typed.
      rules: of the command.
    """
    typed = dict.fromkeys(name for name in _names(values, arguments) if not _is_default(values, name))
    broken = [(name, rule) for name in typed for rule in rules if name in rule.names and not rule.holds(values)]
    # Of several rules the first one is said.
    first = dict(reversed(broken))
    return [f"warning: --{name} is not read here; it is of {first[name].condition}" for name in typed if name in first]


def _names(values: FlagValues, arguments: Sequence[str]) -> Iterator[str]:
    for argument in arguments:
        name = argument.lstrip("-").partition("=")[0] if argument.startswith("-") else ""
        negated = name.removeprefix("no")
        if name in values:
            yield name
        elif negated in values and isinstance(values[negated], flags.BooleanFlag):
            yield negated


def _is_default(values: FlagValues, name: str) -> bool:
    return values[name].value in (values[name].default, datasets.usual(values.dataset).get(name))


def _added_later(values: FlagValues) -> list[Rule]:
    return [
        Rule(tuple(names), f"--{switch}", lambda values, switch=switch: bool(values[switch].value))
        for switch, names in training_flags.added_later(values).items()
    ]


def _has(values: FlagValues, level: str) -> bool:
    return level in values.text_levels.split(",")
