"""The card of a model: what it was trained on, how good it is, and what it is bad at, as Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from cmr.config import RunConfig
from cmr.errors import WorkspaceError
from cmr.evaluation import results_table
from cmr.evaluation.metrics import BothDirections, RetrievalMetrics
from cmr.trained import finished_run, input_commands, made_by, run_captioner
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
    runs_behind, removed = made_by.runs_behind(finished.run)
    behind, closed = _opened(runs_behind)
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
        *_licences(finished, behind, [*removed, *closed]),
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
        *(f"    {line}" for line in _inputs((*behind, finished), config.dataset)),
        *(f"    {line}" for line in made_by.commands(finished.run, runs_behind)),
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


def _opened(runs: Sequence[Run]) -> tuple[list[FinishedRun], list[str]]:
    """Runs, opened, and the names of those that can't be."""
    opened, closed = [], []
    for run in runs:
        try:
            opened.append(finished_run.open_run(run.path))
        # What it has read may have gone since.
        except WorkspaceError:
            closed.append(run.path.name)
    return opened, closed


def _licences(finished: FinishedRun, behind: Sequence[FinishedRun], unknown: Sequence[str]) -> list[str]:
    """Of the data and the CNNs of a run and of those that it stems from."""
    runs = finished, *behind
    models = dict.fromkeys(extractor["model"] for extractor in _extractors(runs))
    return [
        f"- Licence of the data: {_licence_of_data(finished.config.dataset)}",
        *(f"- Licence of the sentences of {name}: {_licence_of_data(name)}" for name in _sentences_of(runs)),
        *(f"- {_CNN_LICENCES[model]}" for model in models if model in _CNN_LICENCES),
        *(f"- It stems from the run {name}, whose data and licences are not known here any more." for name in unknown),
    ]


def _sentences_of(runs: Sequence[FinishedRun]) -> list[str]:
    """The other data sets from whose sentences the runs have learnt, each once."""
    pretrainings = [run.config.text_pretraining for run in runs if run.config.text_pretraining]
    return list(dict.fromkeys(name for pretraining in pretrainings for name in pretraining.sentences_of))


def _extractors(runs: Sequence[FinishedRun]) -> list[dict]:
    return [features.extractor for run in runs for features in run.inputs.features.values()]


def _inputs(runs: Sequence[FinishedRun], dataset: str) -> list[str]:
    """The lines of the commands that make what the runs read, each once; what one of them has tuned it makes itself."""
    captioners = [run_captioner.of_run(each.run, each.config) for each in runs]
    return _each_once(
        [
            *_preparations(runs, dataset),
            *(input_commands.extraction(extractor, dataset) for extractor in _extractors(runs)),
            *(command for folder in captioners if folder for command in made_by.captioner_commands(folder)),
        ]
    )


def _preparations(runs: Sequence[FinishedRun], dataset: str) -> Iterator[list[str]]:
    """The commands that prepare the data sets whose sentences are read; behind those whose words one takes."""
    root = runs[-1].run.path.parents[2]
    for name in (*_sentences_of(runs), dataset):
        workspace = Workspace(root, name)
        if workspace.dataset_json.exists():
            yield input_commands.preparation(workspace.read_description())


def _each_once(commands: Iterable[list[str]]) -> list[str]:
    """The lines of all commands, in their order, of equal ones once."""
    return [line for command in dict.fromkeys(map(tuple, commands)) for line in command]


def _licence_of_data(name: str) -> str:
    return _LICENCES.get(name, _UNKNOWN_LICENCE)


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
