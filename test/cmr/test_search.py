"""cmr.index and cmr.search as a person uses them."""

import json
import pathlib
import shutil

import numpy as np
import pictured_runs
import pytest
import tiny_runs
from PIL import Image

import cmr
from cmr.evaluation.metrics import RetrievalMetrics
from cmr.gallery import compacting


@pytest.fixture(scope="module")
def run(pictured_root):
    return pictured_runs.trained(pictured_root)


@pytest.fixture(scope="module")
def model(pictured_root) -> pathlib.Path:
    return pictured_runs.packed(pictured_root)


@pytest.fixture(scope="module")
def photos(pictured_root) -> pathlib.Path:
    return pictured_runs.indexed(pictured_root)


def search(*arguments):
    return tiny_runs.call_command("cmr.search", *arguments)


def lines(ended) -> list[list[str]]:
    assert ended.returncode == 0, ended.stderr
    return [line.split("\t") for line in ended.stdout.splitlines()]


def test_a_result_is_a_line_of_score_and_path_and_nothing_else(photos):
    results = lines(search("a red dog", f"--pictures={photos}", "--top=3"))

    assert len(results) == 3
    scores = [float(score) for score, _ in results]
    assert scores == sorted(scores, reverse=True)
    assert all(pathlib.Path(path).parent == photos for _, path in results)


def test_the_scores_are_cosines_with_the_sentence_and_what_is_added_for_all_sentences(photos, model):
    retriever = cmr.load(model)
    (query,) = retriever.embed_sentences(["a red dog"])

    for score, path in lines(search("a red dog", f"--pictures={photos}")):
        (picture,) = retriever.embed_pictures([path])
        added = retriever.gallery_rows(picture[None])[0, retriever.dim :].sum()
        assert float(score) == pytest.approx(float(picture @ query + added), abs=2e-3)


def test_a_model_that_has_changed_since_the_index_was_made_is_said(run, tmp_path):
    Image.new("RGB", (30, 20), (9, 120, 200)).save(tmp_path / "a.png")
    model = tmp_path / "model.cmr"

    def pack(*flags):
        ended = tiny_runs.call_command("cmr.pack", f"--run_dir={run.path}", f"--to={model}", *flags)
        assert ended.returncode == 0, ended.stderr

    pack()
    assert tiny_runs.call_command("cmr.index", tmp_path, f"--model={model}").returncode == 0
    pack("--sentences_per_image=1")

    ended = search("a red dog", f"--pictures={tmp_path}")

    assert ended.returncode == 1
    assert f"was indexed with {model} as it was before it changed; index anew: python -m cmr.index" in ended.stderr


def test_words_need_no_quotes_and_flags_may_follow_them(photos):
    assert (
        search("a", "red", "dog", f"--pictures={photos}").stdout == search("a red dog", f"--pictures={photos}").stdout
    )


def test_a_picture_as_query_leaves_itself_and_its_copies_out(photos):
    paths = {path for _, path in lines(search(photos / "0.png", f"--pictures={photos}", "--top=100"))}

    assert paths == {str(photos / f"{number}.png") for number in range(1, 8)}


def test_a_picture_from_elsewhere_finds_its_like_first(photos, tmp_path):
    with Image.open(photos / "5.png") as picture:
        picture.resize((60, 40)).save(tmp_path / "elsewhere.png")

    assert lines(search(tmp_path / "elsewhere.png", f"--pictures={photos}"))[0][1] == str(photos / "5.png")


def test_parts_are_added_and_subtracted_as_unit_vectors(photos, model):
    retriever = cmr.load(model)
    sentences, (picture,) = (
        retriever.embed_sentences(["a red dog", "a cat"]),
        retriever.embed_pictures([photos / "3.png"]),
    )
    query = sentences[0] + picture - sentences[1]
    query /= np.linalg.norm(query)

    for score, path in lines(search("a red dog", "+", photos / "3.png", "-", "a cat", f"--pictures={photos}")):
        assert float(score) == pytest.approx(float(retriever.embed_pictures([path])[0] @ query), abs=2e-3)


def test_an_unknown_word_is_said_and_the_others_are_searched(photos):
    ended = search("a red corgi", f"--pictures={photos}")

    assert ended.returncode == 0
    assert "words, so not heard: corgi" in ended.stderr


def test_json_holds_scores_shares_copies_and_the_nearest_sentence(photos):
    result = json.loads(search("a red corgi", f"--pictures={photos}", "--json").stdout)

    assert result["unknown_words"] == ["corgi"]
    assert result["pictures"] == 8
    shares = [hit["share"] for hit in result["results"]]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert all(hit["nearest_sentence"] for hit in result["results"])
    assert [hit["copies"] for hit in result["results"] if hit["path"].endswith("/0.png")] == [
        [str(photos / "copy.png")]
    ]


def test_paths_only_are_paths(photos):
    ended = search("a red dog", f"--pictures={photos}", "--paths_only", "--top=2")

    assert all(pathlib.Path(line).is_file() for line in ended.stdout.splitlines())


def test_results_are_copied_in_their_order(photos, tmp_path):
    ended = search("a red dog", f"--pictures={photos}", "--top=2", f"--copy_to={tmp_path / 'out'}")

    names = [pathlib.Path(path).name for _, path in lines(ended)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"1-{names[0]}", f"2-{names[1]}"]


def test_a_sheet_is_a_png_of_all_results(photos, tmp_path):
    search("a red dog", f"--pictures={photos}", f"--sheet={tmp_path / 'sheet.png'}")

    with Image.open(tmp_path / "sheet.png") as sheet:
        # Eight results are two rows of five.
        assert sheet.format == "PNG"
        assert sheet.width > sheet.height > 600


def test_sentences_of_a_picture_are_the_models_own(photos, model):
    near = lines(search(photos / "0.png", "--sentences", f"--model={model}", "--top=3"))

    assert len(near) == 3
    assert {sentence for _, sentence in near} <= set(cmr.load(model).sentences.texts)


def test_sentences_may_be_ones_own(photos, model, tmp_path):
    (tmp_path / "own.txt").write_text("A red dog.\n\nA cat on the grass.\n", encoding="utf-8")

    near = lines(search(photos / "0.png", f"--sentences_file={tmp_path / 'own.txt'}", f"--model={model}"))

    assert {sentence for _, sentence in near} == {"A red dog.", "A cat on the grass."}


def test_pictures_of_more_pixels_than_allowed_are_refused_and_can_be_allowed(photos, model, tmp_path):
    large = tmp_path / "large.png"
    Image.new("RGB", (30, 20), "red").save(large)
    place = f"--pictures={tmp_path}", f"--model={model}"

    refused, again, allowed = (
        tiny_runs.call_command("cmr.index", *place, *limit)
        for limit in (["--max_pixels=599"], ["--max_pixels=599", "--dry_run"], ["--max_pixels=600"])
    )
    search_refused, search_allowed = (
        search(str(large), f"--pictures={photos}", f"--max_pixels={m}") for m in (599, 600)
    )

    assert "0 pictures computed" in refused.stdout
    assert "leave 1 as they are" in again.stdout
    assert "1 pictures computed" in allowed.stdout
    assert search_refused.returncode == 1
    assert "more than --max_pixels=599" in search_refused.stderr
    assert lines(search_allowed)


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(model, tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")

    ended = tiny_runs.call_command("cmr.index", tmp_path, f"--model={model}", "--dry_run")

    assert "would compute 1 pictures" in ended.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_the_gallerys_own_search_gives_the_recalls_of_the_runs_test(run, tmp_path):
    finished = cmr.open_run(run.path)
    test, folder = finished.inputs.split("test"), tmp_path / "test"
    folder.mkdir()
    for name in test.file_names:
        shutil.copy(finished.inputs.image_dir / name, folder / name)
    ended = tiny_runs.call_command("cmr.index", folder, f"--model={run.path}", "--rows_dtype=float32")
    assert ended.returncode == 0, ended.stderr
    gallery, retriever = cmr.Gallery.open(folder), cmr.load(run.path)

    ranks = []
    for vector, image in zip(retriever.embed_sentences(test.captions), test.image_of_caption, strict=True):
        hits = gallery.search(vector, top=len(gallery))
        own = next(
            hit for hit in hits if test.file_names[image] in {hit.path.name, *(each.name for each in hit.copies)}
        )
        # As evaluation ranks: ties count against the query.
        ranks.append(round(own.share * len(gallery)))

    measured = RetrievalMetrics.from_ranks(np.array(ranks))
    expected = tiny_runs.read_json(run.metrics_json)["test"]["image_retrieval"]
    assert measured.recalls == (expected["recall_at_1"], expected["recall_at_5"], expected["recall_at_10"])


def test_watching_indexes_what_comes_until_it_is_stopped(model, tmp_path, monkeypatch):
    Image.new("RGB", (30, 20), (1, 2, 3)).save(tmp_path / "a.png")
    looks = iter([lambda: Image.new("RGB", (30, 20), (200, 2, 3)).save(tmp_path / "b.png"), lambda: None])

    def sleep(seconds):
        next(looks, _interrupt)()

    monkeypatch.setattr(tiny_runs.command_module("cmr.index").time, "sleep", sleep)

    ended = tiny_runs.call_command("cmr.index", tmp_path, f"--model={model}", "--watch")

    assert ended.returncode == 130
    # The third look met nothing new and says nothing.
    assert [line.split(": ")[1].split(" pictures")[0] for line in ended.stdout.splitlines()] == ["1", "1"]
    assert len(cmr.Gallery.open(tmp_path)) == 2


def test_only_what_was_gone_when_the_command_began_is_reclaimed_however_long_it_watches(model, tmp_path, monkeypatch):
    monkeypatch.setattr(compacting, "_LEAST_DEAD", 1)
    for number in range(3):
        Image.new("RGB", (30, 20), (number, 2, 3)).save(tmp_path / f"{number}.png")
    looks = iter([lambda: (tmp_path / "0.png").unlink() or (tmp_path / "1.png").unlink(), lambda: None, lambda: None])
    monkeypatch.setattr(tiny_runs.command_module("cmr.index").time, "sleep", lambda _: next(looks, _interrupt)())

    watched = tiny_runs.call_command("cmr.index", tmp_path, f"--model={model}", "--watch")
    rows_then = len(cmr.Gallery.open(tmp_path).embeddings)
    again = tiny_runs.call_command("cmr.index", tmp_path, f"--model={model}")

    assert (watched.returncode, rows_then) == (130, 3)
    assert again.stdout.splitlines()[1:] == ["2 rows of deleted and changed pictures reclaimed"]
    assert len(cmr.Gallery.open(tmp_path).embeddings) == 1


def _interrupt():
    raise KeyboardInterrupt
