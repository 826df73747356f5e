"""The card of a model: what it was trained on, how good it is, and what it is bad at, as Markdown."""

import pathlib
from collections.abc import Sequence

from cmr import shell
from cmr.config import RunConfig
from cmr.evaluation import results_table
from cmr.evaluation.metrics import BothDirections, RetrievalMetrics
from cmr.trained.finished_run import FinishedRun
from cmr.trained.hub_correction import HubCorrection
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from cmr.workspace.vocabulary import Vocabulary

# What the publishers say of their data; a model that learnt from them is no freer than they are.
_LICENCES = {
    "scenes": "drawn by this project, which is MIT licensed.",
    "flickr8k": (
        "the photographs belong to their owners on Flickr; the data set is given for non-commercial research and "
        "education (University of Illinois, Hodosh, Young, Hockenmaier, 2013)."
    ),
    "flickr30k": (
        "the photographs belong to their owners on Flickr; the data set is given for non-commercial research and "
        "education (University of Illinois, Young, Lai, Hodosh, Hockenmaier, 2014)."
    ),
    "mscoco": (
        "the sentences are CC BY 4.0 (COCO Consortium); the photographs are under the Flickr licences of their owners "
        "(https://cocodataset.org/#termsofuse)."
    ),
}
# Of weights that others trained; those of a scene CNN are this project's.
_CNN_LICENCES = {
    "efficientnet_lite2": "EfficientNet-Lite2's weights (Google, ImageNet) are under the Apache License 2.0.",
    "vgg16": "VGG16's weights (Visual Geometry Group, Oxford, ImageNet) are under CC BY 4.0.",
    "vgg19": "VGG19's weights (Visual Geometry Group, Oxford, ImageNet) are under CC BY 4.0.",
    "inception_v3": "Inception v3's weights (Keras Applications, ImageNet) are under the Apache License 2.0.",
}
_UNKNOWN_LICENCE = "not known to this project; ask whoever made the data set."

# How a run was called, where it lies and how it was run decide none of its numbers.
_SAYS_NOTHING = frozenset(
    (
        "checkpoint_steps",
        "logical_cpus",
        "noprint_model",
        "print_model",
        "run_name",
        "strategy",
        "worker_timeout",
        "workspace_dir",
    )
)

_COLUMNS = 100

_BEGINS_WITH = "--finetune_from="

_BAD_AT = (
    "words that its training sentences do not hold: they are not heard, and search says which",
    "any language but that of its training sentences",
    'negations ("no dog" finds dogs), numbers, left and right, who does what to whom, and writing in pictures',
    "pictures unlike those it learnt from: documents, drawings, close-ups, night",
    "names of persons and places; it must not be used to recognise people",
)


def text(finished: FinishedRun, remarks: Sequence[str] = ()) -> str:
    """The card of a finished run.

    Args:
      finished: the run and its inputs.
      remarks: more to be said, a sentence each, such as what packing it cost.
    """
    config, metrics = finished.config, finished.run.read_metrics()
    sentence, image = (_numbers(metrics["test"][direction]) for direction in ("sentence_retrieval", "image_retrieval"))
    chance = _numbers(metrics["random_ranking"]["image_retrieval"])
    splits = [results_table.SplitCounts(name, *sizes) for name, sizes in finished.inputs.split_sizes().items()]
    title = results_table.dataset_title(config.dataset)
    lines = [
        f"# {finished.run.path.name}: {config.model.model} on {title}",
        "",
        "Finds pictures by sentences and sentences by pictures: both are unit vectors of one space, of "
        f"{config.model.gru_units} values, in which those that belong together are near.",
        "",
        "## Trained on",
        "",
        f"- Data set: {title}, its training split. {results_table.describe_splits(finished.inputs.protocol, splits)}",
        f"- Words: {_words(finished.inputs.vocabulary)}{_ngrams(config)}.",
        f"- Features: {metrics['features']}.",
        *(f"- {note}" for note in metrics["notes"]),
        *_data_licences(config),
        *(f"- {each}" for each in _cnn_licences(finished)),
        "",
        "## Test split",
        "",
        "| | R@1 | R@5 | R@10 | Med r |",
        "| --- | --- | --- | --- | --- |",
        f"| sentences of a picture | {sentence} |",
        f"| pictures of a sentence | {image} |",
        f"| pictures at random | {chance} |",
        "",
        *(f"{remark}\n" for remark in remarks),
        "## Bad at",
        "",
        *(f"- {weakness}" for weakness in _BAD_AT),
        "",
        "## Made by",
        "",
        *(f"    {line}" for line in _commands(metrics["flags"], config.dataset)),
    ]
    return "\n".join(lines) + "\n"


def search_remark(before: RetrievalMetrics, after: RetrievalMetrics, correction: HubCorrection | None) -> str:
    """What a search by sentences does with pictures that are near to all of them; "" where it does nothing."""
    if correction is None:
        return ""
    return (
        "A search by sentences takes off what a picture has in common with all sentences that come along (t = "
        f"{correction.scale:g}, chosen on the validation split, where R@1 of pictures is {after.recall_at_1:.1f} with "
        f"it and {before.recall_at_1:.1f} without)."
    )


def _data_licences(config: RunConfig) -> list[str]:
    others = config.text_pretraining.sentences_of if config.text_pretraining else ()
    return [
        f"- Licence of the data: {_LICENCES.get(config.dataset, _UNKNOWN_LICENCE)}",
        *(f"- Licence of the sentences of {name}: {_LICENCES.get(name, _UNKNOWN_LICENCE)}" for name in others),
    ]


def _cnn_licences(finished: FinishedRun) -> list[str]:
    models = [features.extractor["model"] for features in finished.inputs.features.values()]
    return [_CNN_LICENCES[model] for model in dict.fromkeys(models) if model in _CNN_LICENCES]


def _commands(flags: Sequence[str], dataset: str) -> list[str]:
    """The command of a run, from its flags; of one that tuned a CNN, first that of the run that it went on from."""
    begins_with = next((flag for flag in flags if flag.startswith(_BEGINS_WITH)), None)
    if begins_with is None:
        return _command(flags)
    first = Run(pathlib.Path(begins_with.removeprefix(_BEGINS_WITH)))
    before = first.flags_txt.read_text(encoding="utf-8").splitlines() if first.flags_txt.exists() else []
    # Flags that are not given are that run's. Whoever reads this has it elsewhere.
    changed = [flag for flag in flags if flag not in (*before, begins_with)]
    runs_dir = Workspace(pathlib.Path("workspace"), dataset).run_dir(first.path.name)
    return [
        *(_command(before, f"--run_name={first.path.name}") if before else ()),
        *_command(changed, f"{_BEGINS_WITH}{runs_dir}"),
    ]


def _command(flags: Sequence[str], *last: str) -> list[str]:
    """A command of flags, those that say something and then the last ones, on lines that a shell takes as one."""
    names = [flag.lstrip("-").partition("=")[0] for flag in flags]
    # A flag that is set to nothing is as good as left out.
    given = [flag for flag, name in zip(flags, names, strict=True) if name not in _SAYS_NOTHING and flag[-1] != "="]
    given += last
    lines = [shell.python_command("cmr.train")]
    for flag in given:
        word = shell.typed(flag)
        if len(lines[-1]) + len(word) > _COLUMNS:
            lines[-1] += " \\"
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {word}"
    return lines


def loss_remark(kept: BothDirections, packed: BothDirections, dtype: str) -> str:
    """What rounding the weights costs on the validation split, as a sentence."""
    pairs = ", ".join(
        f"{title} {before.recall_at_1:.2f} -> {after.recall_at_1:.2f}"
        for title, before, after in (
            ("sentence R@1", kept.sentence_retrieval, packed.sentence_retrieval),
            ("image R@1", kept.image_retrieval, packed.image_retrieval),
        )
    )
    return (
        f"The weights are kept as {dtype}. On the validation split that changes the sum of recalls from "
        f"{kept.sum_of_recalls:.2f} to {packed.sum_of_recalls:.2f} ({pairs})."
    )


def _words(vocabulary: Vocabulary) -> str:
    unsaid = vocabulary.num_unsaid
    others = f", and of other data sets' sentences, which alone say {unsaid:,} of them" if unsaid else ""
    return f"{len(vocabulary):,}, of the training sentences{others}"


def _ngrams(config: RunConfig) -> str:
    if not config.ngrams:
        return ""
    return f"; words and pairs of words that are read as a bag beside their order: {config.model.num_ngrams:,}"


def _numbers(metrics: dict) -> str:
    recalls = " | ".join(f"{metrics[f'recall_at_{k}']:.1f}" for k in (1, 5, 10))
    return f"{recalls} | {metrics['median_rank']:g}"
