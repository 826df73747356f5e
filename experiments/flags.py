"""Every flag of the experiments' commands, defined once, in the groups that `--help` prints."""

from collections.abc import Sequence

from absl import flags

from cmr.cli import command, flag_kinds
from cmr.cli import flags as cmr_flags
from experiments.ablations import variants as ablations
from experiments.screening import variants as screening
from experiments.tables import paper


@command.flag_group("Margin sweep")
def sweep_flags() -> None:
    _row("scenes/fusion", "Flagfile of the row to sweep")
    flags.DEFINE_list("margins", [f"0.{tenth}" for tenth in range(1, 10)], "Margins to try (the paper's 0.1 ... 0.9).")
    flags.register_validator("margins", _are_margins, "give numbers from 0 to 2, each once: --margins=0.1,0.2,0.3")
    flags.DEFINE_list(
        "image_norm",
        ["true", "false"],
        "Values of --image_norm_in_loss to sweep under; true is what the margin is chosen by, and under false it only "
        "rescales in theory.",
    )
    flags.register_validator(
        "image_norm",
        lambda values: set(values) <= {"true", "false"} and _are_different(values),
        "give true, false or true,false",
    )
    _seeds(1)


def _are_margins(texts: Sequence[str]) -> bool:
    try:
        margins = [float(text) for text in texts]
    except ValueError:
        return False
    # Not a number is in no range.
    return all(0 <= margin <= 2 for margin in margins) and _are_different(margins)


def _are_different(values: Sequence) -> bool:
    return 0 < len(values) == len(set(values))


def _define_work_dir(size: str) -> None:
    flag_kinds.define_path(
        "work_dir",
        "",
        f"Folder in which the simulated data ({size}) has a folder of its own, removed at the end; by default that of "
        "temporary files.",
    )


@command.flag_group("Simulation")
def size_flags() -> None:
    flag_kinds.define_path(
        "data_dir", None, "Folder of MSCOCO that holds annotations/captions_val2017.json, whose sentences are sampled."
    )
    _define_work_dir("7 GB")
    flags.DEFINE_list("shares", ["10", "1"], "Sizes: every how many of MSCOCO's images there is one; 1 is all of them.")
    flags.register_validator(
        "shares",
        lambda texts: texts and all(text.isdecimal() and int(text) for text in texts) and _are_different(texts),
        "give whole numbers from 1, each once: --shares=10,1",
    )
    flag_kinds.define_count("steps", 20, "Steps timed at each size, in turn; their median is printed.", lower_bound=1)
    flags.mark_flag_as_required("data_dir")


@command.flag_group("Simulated galleries")
def gallery_size_flags() -> None:
    flags.DEFINE_list("rows", ["10000", "100000", "1000000"], "Numbers of pictures to search among.")
    flags.register_validator(
        "rows",
        lambda texts: texts and all(text.isdecimal() and int(text) for text in texts),
        "give whole numbers from 1: --rows=10000,1000000",
    )
    flag_kinds.define_size("dim", 512, "Size of an embedding.", lower_bound=1)
    flag_kinds.define_count(
        "shards",
        0,
        "Search the rows in so many shards, too, and in one index beside them, without faiss; 0: no.",
        0,
    )
    flag_kinds.define_count("queries", 20, "Queries timed at each size; their median is printed.", lower_bound=1)
    _define_work_dir("1 GB a million rows, with --shards or faiss twice that")


@command.flag_group("Load")
def load_flags() -> None:
    flags.DEFINE_string("url", "http://127.0.0.1:8080", "Address of a running cmr.serve.")
    flags.register_validator(
        "url", lambda text: text.startswith("http://") and text[7:].strip("/"), "give it as http://127.0.0.1:8080"
    )
    flag_kinds.define_count("clients", 50, "Visitors at once, each with a connection of its own.", lower_bound=1)
    flag_kinds.define_float("seconds", 60, "Seconds for which they ask.", lower_bound=0.1)


@command.flag_group("Trainings")
def trainings_flags() -> None:
    cmr_flags.define_workspace_dir()
    _overlay()
    flag_kinds.define_count("jobs", 1, "Trainings at once, which share the CPUs; on GPUs leave it 1.", lower_bound=1)
    flags.DEFINE_bool("dry_run", False, "Print the commands that are still to be carried out, and stop.")


def _overlay() -> None:
    flag_kinds.define_repeated_path(
        "overlay",
        "Flagfile of cmr.train read after each row's own, by its path or its name below experiments/flagfiles/: "
        "stand_ins (VGG16 without its top layers and EfficientNet-Lite2, whose file --image_weights names), "
        "laptop (small sizes).",
    )


@command.flag_group("Table")
def table_flags() -> None:
    _table()
    flag_kinds.define_paths(
        "rows",
        [],
        "Rows: flagfiles of experiments/flagfiles/<dataset>/ by name, or paths of others. By default "
        f"{', '.join(paper.ROWS)}; {paper.ALL} takes every system of the paper's tables as well "
        f"({', '.join(paper.comparators('1'))}), each beneath the paper's own row.",
    )
    _seeds(3)


@command.flag_group("Finished rows")
def claims_flags() -> None:
    cmr_flags.define_workspace_dir()
    _table()
    _overlay()
    _seeds(3)


def _table() -> None:
    flags.DEFINE_enum(
        "table",
        "scenes",
        tuple(paper.DATASETS),
        "1: Flickr8K, 2: Flickr30K, 3: MSCOCO, as the paper numbers them; scenes: the embedded data set.",
    )


def _seeds(default: int) -> None:
    flag_kinds.define_count(
        "seeds", default, "Runs of each setting, with the seeds 0, 1, ...; their mean is what counts.", lower_bound=1
    )


@command.flag_group("Preparation")
def preparation_flags() -> None:
    flag_kinds.define_path("data_dir", "", "Folder of the raw data set, where it is not prepared yet.")
    flag_kinds.define_path(
        "vgg_weights",
        "imagenet",
        "Weights of X_vgg's CNN, where its features are missing: imagenet (Keras downloads them) or the path of a "
        "file.",
    )
    flag_kinds.define_path(
        "image_weights",
        "imagenet",
        "Likewise of X_img's CNN. Keras downloads inception_v3's alone: with --overlay=stand_ins give the path of "
        "efficientnet_lite2's .npz.",
    )


@command.flag_group("Ablation")
def ablation_flags() -> None:
    _arms("scenes/fusion", ablations.VARIANTS, "ablations")
    _seeds(3)


@command.flag_group("Screening")
def screening_flags() -> None:
    _arms("screening/start", screening.VARIANTS, "screening")
    _seeds(1)


def _arms(row: str, variants: Sequence[str], folder: str) -> None:
    _row(row, "Flagfile of the baseline, the row that every variant is compared with")
    flag_kinds.define_paths(
        "variants",
        list(variants),
        f"Flagfiles of experiments/flagfiles/{folder}/ by name, or paths of others, read after the row's own and the "
        "overlays, so that their flags hold; the first line of each is a comment that describes it.",
    )


def _row(default: str, what: str) -> None:
    flag_kinds.define_path("row", default, f"{what}, by its path or its name below experiments/flagfiles/.")


@command.flag_group("Candidates")
def ensemble_flags() -> None:
    flags.DEFINE_list(
        "candidates",
        ["*-seed*"],
        "Names below runs/ of finished runs or, as tables print them, of rows; or patterns of them. By default those "
        "that an experiment has trained. Runs without weights are left out.",
    )
    flag_kinds.define_count("max_members", 8, "Runs of the ensemble at most.", lower_bound=1)
    flags.DEFINE_multi_enum(
        "query_banks",
        [],
        ["train", "test"],
        "Measure the best row and the ensemble again, corrected as by cmr.evaluate --query_bank; may be given twice.",
    )


@command.flag_group("Finished runs")
def against_flags() -> None:
    flags.DEFINE_list(
        "baseline",
        None,
        "Name below runs/ of a finished run or, as tables print it, of a row; or patterns of the names of runs that "
        "differ in their seed alone.",
        required=True,
    )
    flags.DEFINE_list("runs", ["*"], "Names likewise, or patterns, of the runs set against it.")


@command.flag_group("Text space")
def text_space_flags() -> None:
    flag_kinds.define_path(
        "captioner", "", "Folder, .keras or .npz whose W_img is looked at; by default the workspace's."
    )
    flag_kinds.define_seed("seed", 0, "Seed of the random W_img and of the n-grams' SVD.")


@command.flag_group("Report")
def report_flags() -> None:
    cmr_flags.define_folder_name(
        "run",
        "Run under runs/ whose retrieved sentences and images are shown; by default the first one of our row with the "
        "best validation sum of recalls.",
    )
    flags.DEFINE_list(
        "chosen_images",
        [],
        "Ids of test images to show, with commas between them; by default those whose own sentences differ most in how "
        "well they find them.",
    )
    flag_kinds.define_seed("seed", 0, "Seed of the random test images and sentences that are shown.")
