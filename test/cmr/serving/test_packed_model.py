"""A packed model gives what its run gives, and is refused when it is not what was written."""

import io
import json
import pathlib
import shlex
import shutil
import zipfile

import keras
import numpy as np
import pictured_runs
import pytest
import tiny_runs
from PIL import Image

import cmr
from cmr.data import input_names
from cmr.errors import CmrError, ConfigError, DataError, WorkspaceError
from cmr.evaluation import encoding
from cmr.serving import packed_file
from cmr.trained import finished_run, hub_correction
from cmr.trained.hub_correction import HubCorrection


def packed(run, folder, dtype="float32", *flags):
    path = folder / f"{run.path.name}-{dtype}.cmr"
    ended = tiny_runs.call_command(
        "cmr.pack", f"--run_dir={run.path}", f"--to={path}", f"--weights_dtype={dtype}", *flags
    )
    assert ended.returncode == 0, ended.stderr
    return path, ended.stdout


@pytest.fixture(scope="module")
def vse(pictured_root, tmp_path_factory):
    """A finished run, its packed model, and the card that packing printed."""
    run = pictured_runs.trained(pictured_root)
    return run, *packed(run, tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def levels(pictured_root, tmp_path_factory):
    """A finished run whose text encoder has all levels, and its packed model."""
    run = pictured_runs.trained(pictured_root, "vse", "--text_levels=gru,ngrams,words", "--min_ngram_count=2")
    return run, packed(run, tmp_path_factory.mktemp("levels"))[0]


@pytest.fixture(scope="module")
def embedded(vse):
    """The test split as evaluation embeds it, with its examples."""
    finished = finished_run.open_run(vse[0].path)
    split = finished.inputs.split("test")
    return split, encoding.embed_split(finished.model(), split)


@pytest.mark.parametrize("which", [0, 1])
def test_sentences_are_embedded_as_evaluation_embeds_them_to_the_last_bit(vse, embedded, which):
    retriever = cmr.load(getattr(vse[which], "path", vse[which]))
    split, embeddings = embedded

    np.testing.assert_array_equal(retriever.embed_sentences(split.captions), embeddings.captions)


@pytest.mark.parametrize("which", [0, 1])
def test_sentences_of_several_levels_are_embedded_as_evaluation_embeds_them_to_the_last_bit(levels, which):
    finished = finished_run.open_run(levels[0].path)
    split = finished.inputs.split("test")

    rows = cmr.load(getattr(levels[which], "path", levels[which])).embed_sentences(split.captions)

    np.testing.assert_array_equal(rows, encoding.embed_split(finished.model(), split).captions)


def test_the_ngrams_of_a_packed_model_are_those_of_its_run(levels):
    with zipfile.ZipFile(levels[1]) as file:
        assert file.read("ngrams.txt") == levels[0].ngrams_txt.read_bytes()


def test_what_search_takes_off_comes_along(vse, tmp_path, monkeypatch):
    chosen = HubCorrection(scale=10.0, mean=0.25)
    monkeypatch.setattr(hub_correction, "choose", lambda val, split, bank: chosen)
    finished = finished_run.open_run(vse[0].path)
    val = encoding.embed_split(finished.model(), finished.inputs.split("val"))

    path, card = packed(vse[0], tmp_path)

    retriever = cmr.load(path)
    rows = retriever.gallery_rows(val.images)
    added = chosen.of(val.images, hub_correction.bank_of(retriever.sentences.rows))
    assert retriever.hub_correction == chosen
    np.testing.assert_array_equal(rows, np.concatenate([val.images, added[:, None]], axis=1))
    assert "takes off what a picture has in common with all sentences" in " ".join(card.split())
    # The best score of half of the validation sentences is above the median one.
    best = (val.captions @ val.images.T + added).max(axis=1)
    assert retriever.share_with_better_best(float(np.median(best))) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("correction", [None, "missing"])
def test_a_model_that_takes_nothing_off_is_searched_by_cosines(vse, tmp_path, correction):
    with zipfile.ZipFile(vse[1]) as file:
        members = {name: file.read(name) for name in file.namelist()}
    description = json.loads(members.pop("model.json"))
    description["hub_correction"] = None
    if correction == "missing":
        del description["hub_correction"]
    packed_file.write_packed_file(tmp_path / "older.cmr", description, members)

    retriever = cmr.load(tmp_path / "older.cmr")

    pictures = np.eye(retriever.dim, dtype=np.float32)
    assert retriever.gallery_rows(pictures) is pictures
    assert cmr.load(vse[0].path).hub_correction is None


@pytest.mark.parametrize(
    "flaw",
    [
        {"scale": "15", "mean": 0.2},
        {"scale": 0, "mean": 0.2},
        {"scale": float("nan"), "mean": 0.2},
        {"scale": -3.0, "mean": 0.2},
        {"scale": True, "mean": 0.2},
        {"scale": 15.0, "mean": None},
        {"scale": 15.0},
        {"scale": 15.0, "mean": 0.2, "more": 1},
        {},
        [],
        0,
        "",
        False,
    ],
)
def test_a_damaged_correction_is_refused(vse, tmp_path, flaw):
    with zipfile.ZipFile(vse[1]) as file:
        members = {name: file.read(name) for name in file.namelist()}
    description = json.loads(members.pop("model.json"))
    packed_file.write_packed_file(tmp_path / "damaged.cmr", {**description, "hub_correction": flaw}, members)

    with pytest.raises(WorkspaceError, match="packed by another version"):
        cmr.load(tmp_path / "damaged.cmr")


@pytest.mark.parametrize("written", [1, 2, 3])
def test_models_of_this_format_and_of_older_ones_are_read(vse, tmp_path, written):
    with zipfile.ZipFile(vse[1]) as file:
        members = {name: file.read(name) for name in file.namelist()}
    text = members.pop("model.json").decode().replace('"format": 2', f'"format": {written}')
    path = tmp_path / "other.cmr"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, content in {"model.json": text, **members}.items():
            file.writestr(name, content)

    if written == 3:
        with pytest.raises(WorkspaceError, match="has format 3, this version reads up to 2"):
            cmr.load(path)
    else:
        assert cmr.load(path).dim == cmr.load(vse[1]).dim


def test_a_model_without_levels_has_no_ngrams(vse):
    with zipfile.ZipFile(vse[1]) as file:
        assert "ngrams.txt" not in file.namelist()


def test_ngrams_that_were_changed_are_refused(levels, tmp_path):
    path = rewritten(levels[1], tmp_path, "ngrams.txt", lambda content: content[:-2] + b"9\n")

    with pytest.raises(WorkspaceError, match=r"ngrams\.txt has been changed since it was packed"):
        cmr.load(path).embed_sentences(["a dog"])


@pytest.mark.parametrize("which", [0, 1])
def test_cached_features_are_embedded_as_evaluation_embeds_them_to_the_last_bit(vse, embedded, which):
    retriever = cmr.load(getattr(vse[which], "path", vse[which]))
    split, embeddings = embedded

    rows = retriever.embed_features(split.image_inputs(np.arange(split.num_images)))

    np.testing.assert_array_equal(rows, embeddings.images)


def test_picture_files_are_embedded_as_evaluation_embeds_their_cached_features(vse, embedded):
    split, embeddings = embedded
    folder = pictured_runs.workspace(vse[0].path.parents[2]).dataset_dir / "images"

    rows = cmr.load(vse[1]).embed_pictures([folder / name for name in split.file_names])

    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, embeddings.images, rtol=0, atol=1e-6)


def test_a_picture_may_be_a_path_bytes_or_an_image(vse, tmp_path):
    Image.new("RGB", (30, 20), (9, 120, 200)).save(tmp_path / "a.png")
    pictures = [tmp_path / "a.png", str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes()]

    with Image.open(tmp_path / "a.png") as image:
        rows = cmr.load(vse[1]).embed_pictures([*pictures, image])

    np.testing.assert_array_equal(rows, np.repeat(rows[:1], 4, axis=0))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_bytes_that_are_no_picture_are_refused(vse):
    with pytest.raises(DataError, match="the picture is not a picture of a format that is read"):
        cmr.load(vse[1]).embed_pictures([b"no picture"])


def test_unknown_words_are_named_once_in_their_order(vse):
    retriever = cmr.load(vse[1])

    assert retriever.unknown_words("A corgi, a RED corgi and a zebra") == ["corgi", "and", "zebra"]
    assert retriever.hears_nothing("corgi zebra")
    assert not retriever.hears_nothing("corgi dog")


def test_rounded_weights_stay_near_and_the_card_says_what_they_cost(vse, embedded, tmp_path):
    path, printed = packed(vse[0], tmp_path, "float16")

    rows = cmr.load(path).embed_sentences(embedded[0].captions)

    np.testing.assert_allclose(rows, embedded[1].captions, atol=5e-3)
    assert "The weights are kept as float16. On the validation split that changes the sum of recalls from" in printed


def test_the_card_is_inside_and_printed_and_names_data_stand_ins_and_numbers(vse):
    card = cmr.load(vse[1]).card

    assert card in vse[2]
    for part in ("training split", "stands in for", "| pictures of a sentence |", "Licence of the data", "## Bad at"):
        assert part in card


def test_the_card_ends_with_the_command_that_trains_the_run_again(vse):
    command = cmr.load(vse[1]).card.partition("## Made by\n\n")[2]

    words = shlex.split(command)

    assert words[:3] == ["python", "-m", "cmr.train"]
    assert {"--dataset=scenes", "--model=vse", "--seed=0"} <= set(words)
    assert not [word for word in words if word.startswith(("--workspace_dir", "--run_name")) or word.endswith("=")]


def test_the_same_run_packs_to_the_same_bytes(vse, tmp_path):
    assert packed(vse[0], tmp_path)[0].read_bytes() == vse[1].read_bytes()


def test_it_carries_the_training_sentences_with_their_rows(vse):
    retriever = cmr.load(vse[1])
    sentences = retriever.sentences

    assert len(set(sentences.texts)) == len(sentences.texts) == len(sentences.rows)
    np.testing.assert_allclose(sentences.rows, retriever.embed_sentences(sentences.texts), atol=1e-3)


def test_it_carries_so_many_sentences_of_an_image_as_asked(vse, tmp_path):
    path, _ = packed(vse[0], tmp_path, "float32", "--sentences_per_image=1")
    captions = finished_run.open_run(vse[0].path).inputs.captions
    first = captions[captions["split"] == "train"].drop_duplicates("image_id")["caption"]

    assert cmr.load(path).sentences.texts == list(dict.fromkeys(first))


def test_a_sentence_needs_the_text_side_alone(vse, monkeypatch):
    read = []
    plain = packed_file.PackedFile.read
    monkeypatch.setattr(packed_file.PackedFile, "read", lambda self, name: read.append(name) or plain(self, name))

    cmr.load(vse[1]).embed_sentences(["a dog"])

    assert sorted(read) == ["text_encoder.npz", "vocabulary.txt"]


def test_a_model_with_a_captioner_captions_pictures(pictured_root, tmp_path):
    run = pictured_runs.trained(pictured_root, "fusion")
    path, printed = packed(run, tmp_path)
    retriever = cmr.load(path)
    Image.new("RGB", (30, 20), (9, 120, 200)).save(tmp_path / "a.png")

    sentence = retriever.caption(tmp_path / "a.png")

    assert "It holds the captioner" in printed
    assert retriever.has_captioner
    assert sentence == cmr.load(run.path).caption(tmp_path / "a.png")
    assert not retriever.unknown_words(sentence)
    pretrain, train = (retriever.card.index(f"python -m {module} ") for module in ("cmr.pretrain", "cmr.train"))
    assert pretrain < train
    assert "--lstm_units=8" in retriever.card[pretrain:train]


def test_a_model_without_one_says_so(vse, tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")

    with pytest.raises(ConfigError, match="holds no captioner"):
        cmr.load(vse[1]).caption(tmp_path / "a.png")


@pytest.mark.parametrize(("origin", "said"), [("", "were imported"), ("hub", "tensorflow-hub module")])
def test_a_run_whose_cnn_is_not_here_says_how_to_name_one(vse, tmp_path, origin, said):
    root = shutil.copytree(vse[0].path.parents[2], tmp_path / "workspace")
    run = root / vse[0].path.relative_to(vse[0].path.parents[2])
    described = root / "scenes" / "features" / pictured_runs.FEATURES / "extractor.json"
    described.write_text(json.dumps({**json.loads(described.read_text()), "model": origin}))

    ended = tiny_runs.call_command("cmr.pack", f"--run_dir={run}", f"--to={tmp_path / 'a.cmr'}")

    assert ended.returncode == 1
    assert said in ended.stderr
    assert "--vgg_features=efficientnet_lite2" in ended.stderr
    assert not (tmp_path / "a.cmr").exists()


def copied(path, folder):
    return pathlib.Path(shutil.copy(path, folder / "copy.cmr"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(vse, tmp_path, share):
    path = copied(vse[1], tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    with pytest.raises(WorkspaceError, match=r"cut off, damaged or no model of cmr\.pack; copy it again"):
        cmr.load(path)


def rewritten(path, folder, name, content):
    """A packed model with another content of one member, its own checksum in the zip being right."""
    with zipfile.ZipFile(path) as file:
        members = {each: file.read(each) for each in file.namelist()}
    members[name] = content(members[name])
    target = folder / "changed.cmr"
    with zipfile.ZipFile(target, "w") as file:
        for each, value in members.items():
            file.writestr(each, value)
    return target


def use(path):
    retriever = cmr.load(path)
    retriever.embed_sentences(["a dog"])
    retriever.embed_pictures([Image.new("RGB", (30, 20))])
    return retriever.card, retriever.sentences


@pytest.mark.parametrize(
    "name",
    [
        "card.md",
        "vocabulary.txt",
        "text_encoder.npz",
        "image_encoder.npz",
        "sentences.npy",
        "sentences.json",
        "cnn/vgg_features.keras",
    ],
)
def test_an_edited_member_is_refused_when_it_is_read(vse, tmp_path, name):
    path = rewritten(vse[1], tmp_path, name, lambda content: content[:-1] + bytes([content[-1] ^ 1]))

    with pytest.raises(WorkspaceError, match=f"{name} has been changed since it was packed"):
        use(path)


@pytest.mark.parametrize("content", [b"{}", b"[]", b"no json", b'{"format": 2, "members": {}}', b'{"format": 1}'])
def test_another_format_is_refused(vse, tmp_path, content):
    path = rewritten(vse[1], tmp_path, "model.json", lambda _: content)

    with pytest.raises(WorkspaceError, match=r"format|damaged|not written by cmr\.pack"):
        cmr.load(path)


def test_a_zip_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.cmr", "w") as file:
        file.writestr("a.txt", "a")

    with pytest.raises(WorkspaceError, match=r"no model of cmr\.pack"):
        cmr.load(tmp_path / "a.cmr")


def with_cnn(path, folder, content):
    """A packed model with another CNN and the right checksums, as one who means harm would write it."""
    with zipfile.ZipFile(path) as file:
        members = {each: file.read(each) for each in file.namelist()}
    description = json.loads(members.pop("model.json"))
    members["cnn/vgg_features.keras"] = content
    target = folder / "harmful.cmr"
    packed_file.write_packed_file(
        target, {key: value for key, value in description.items() if key not in ("format", "members")}, members
    )
    return target


def test_a_cnn_with_a_lambda_is_refused(vse, tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x[:, 0, 0])(inputs))
    model.save(tmp_path / "a.keras")

    with pytest.raises(WorkspaceError, match="Lambda, which is no part of a model"):
        use(with_cnn(vse[1], tmp_path, (tmp_path / "a.keras").read_bytes()))


@pytest.mark.parametrize(
    "object_", [{"module": "os", "class_name": "system"}, {"module": "keras.utils", "class_name": "get_file"}]
)
def test_a_cnn_that_names_a_function_to_call_is_refused(vse, tmp_path, object_):
    with zipfile.ZipFile(vse[1]) as file:
        good = file.read("cnn/vgg_features.keras")
    with zipfile.ZipFile(io.BytesIO(good)) as file:
        members = {each: file.read(each) for each in file.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["harm"] = {**object_, "config": {}, "registered_name": None}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for each, value in {**members, "config.json": json.dumps(config)}.items():
            file.writestr(each, value)

    with pytest.raises(WorkspaceError, match=f"{object_['class_name']}, which is no part of a model"):
        use(with_cnn(vse[1], tmp_path, stream.getvalue()))


@pytest.mark.parametrize("name", ["missing.cmr", "empty"])
def test_what_is_neither_a_file_nor_a_run_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()

    with pytest.raises(CmrError, match=r"does not exist|holds no run"):
        cmr.load(tmp_path / name)


def test_both_inputs_of_fusion_have_their_cnn(pictured_root, tmp_path):
    path, _ = packed(pictured_runs.trained(pictured_root, "fusion"), tmp_path)

    assert set(cmr.load(path).parts.cnns()) == {input_names.VGG_FEATURES, input_names.IMAGE_FEATURES}
