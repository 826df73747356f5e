"""Searches an indexed folder of pictures by sentences, by pictures, or by both added and subtracted.

    python -m cmr.search "a dog runs along the sea" --pictures=~/Pictures
    python -m cmr.search ./dog.jpg --pictures=~/Pictures
    python -m cmr.search "a beach" + ./dog.jpg - "people" --pictures=~/Pictures --sheet=beach.png
    python -m cmr.search ./dog.jpg --sentences --model=flickr8k.cmr

Prints `score <tab> path` lines, the best first, and nothing else on standard output.
"""

import codecs
import json
import pathlib
import shutil
import sys
import time

from absl import flags

from cmr.cli import command, search_flags
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError, DataError

FLAGS = flags.FLAGS

GROUPS = (search_flags.query_flags, search_flags.results_flags, cmr_flags.picture_flags)

# Before TensorFlow is imported: what a user waits for.
_STARTED = time.monotonic()


def main() -> None:
    from cmr.gallery import answers, queries
    from cmr.serving import gallery_model

    terms = queries.parse(FLAGS.query)
    if FLAGS.sentences or FLAGS.sentences_file:
        _search_sentences(terms)
        return
    if FLAGS.sheet and pathlib.Path(FLAGS.sheet).suffix.lower() != ".png":
        raise ConfigError(f"--sheet={FLAGS.sheet} is no name of a PNG file; give one that ends in .png")
    copy_to = _empty_folder(FLAGS.copy_to) if FLAGS.copy_to else None
    gallery = _gallery()
    retriever = gallery_model.load(gallery, FLAGS.model, FLAGS.max_pixels)
    unknown = _say_unknown_words(terms, retriever)
    answer = answers.answer(
        terms, gallery, retriever, FLAGS.top, score=_approximate_score(gallery) if FLAGS.ann else None
    )
    hits = answer.hits
    shows_sentences = sys.stdout.isatty() or FLAGS.json or FLAGS.sheet
    rows = [hit.row for hit in hits]
    sentences = answers.sentences_of(gallery, rows, retriever) if shows_sentences else [""] * len(hits)
    _print_answer(gallery, answer, sentences, unknown)
    if FLAGS.sheet:
        _draw(gallery, hits, sentences)
    if copy_to:
        for hit in hits:
            shutil.copy2(hit.path, copy_to / f"{hit.rank:0{len(str(len(hits)))}}-{hit.path.name}")


def _gallery():
    from cmr.gallery.searching import Gallery

    gallery = Gallery.open(search_flags.pictures_folder(), FLAGS.gallery_dir or None)
    if not len(gallery):
        raise DataError(f"{gallery.place.pictures} has no picture in its index; run {gallery.indexing_command()}")
    return gallery


def _model_for_sentences() -> str:
    """A gallery is asked for its model alone, and need not be there."""
    from cmr.gallery.place import Place
    from cmr.serving import gallery_model, packed_model

    if FLAGS.model:
        return FLAGS.model
    pictures = search_flags.pictures_folder()
    place = Place.of(
        pathlib.Path(pictures) if pictures else None, pathlib.Path(FLAGS.gallery_dir) if FLAGS.gallery_dir else None
    )
    has_index = place.gallery_json.exists() or place.shards_begun()
    return gallery_model.path_of(_gallery()) if has_index else packed_model.PRETRAINED


def _approximate_score(gallery):
    from cmr.gallery import approximate

    search = approximate.open_search(gallery.store)

    def score(query):
        # Some may be hidden, or the query itself.
        scores = search.scores(gallery.embeddings, query, 2 * FLAGS.top + gallery.num_hidden + 10)
        scores[gallery.hidden] = float("-inf")
        return scores

    return score


def _say_unknown_words(terms, retriever) -> list[str]:
    from cmr.gallery import answers, queries

    unknown = queries.unknown_words(terms, retriever)
    if unknown:
        print(answers.not_heard(unknown, retriever), file=sys.stderr)
    return unknown


def _print_answer(gallery, answer, sentences, unknown: list[str]) -> None:
    from cmr.gallery import answers

    hits = answer.hits
    if hasattr(sys.stdout, "reconfigure") and codecs.lookup(sys.stdout.encoding).name == "utf-8":
        # A file's name need not be text. Other encodings lack letters, which stay escaped.
        sys.stdout.reconfigure(errors="surrogateescape")
    if FLAGS.json:
        print(json.dumps(_as_json(gallery, answer, sentences, unknown), indent=2))
    elif FLAGS.paths_only:
        print("".join(f"{hit.path}\n" for hit in hits), end="")
    elif sys.stdout.isatty():
        for hit, sentence in zip(hits, sentences, strict=True):
            print(f"{hit.score:.4f}\t{hit.path}\t{answers.percent(hit.share)} score as high\t{sentence}")
    else:
        print("".join(f"{hit.score:.4f}\t{hit.path}\n" for hit in hits), end="")
    sys.stdout.flush()
    if not answer.stands_out:
        print(answer.says_nothing_stands_out(), file=sys.stderr)
    of_shards = f" in {len(gallery.shards)} of {gallery.shards[0].count} shards" if gallery.shards else ""
    print(
        f"{len(gallery):,} pictures{of_shards} searched in {answer.seconds:.3f} s, {time.monotonic() - _STARTED:.1f} s "
        "after the start",
        file=sys.stderr,
    )
    lacks = gallery.says_what_to_run()
    if lacks:
        print(lacks, file=sys.stderr)


def _as_json(gallery, answer, sentences, unknown: list[str]) -> dict:
    from cmr.gallery import answers

    return {
        "query": FLAGS.query,
        "unknown_words": unknown,
        "pictures": len(gallery),
        "seconds": answer.seconds,
        "stands_out": answer.stands_out,
        "results": answers.as_json(answer.hits, sentences),
    }


def _draw(gallery, hits, sentences) -> None:
    from cmr.gallery import contact_sheet
    from cmr.workspace import atomic_files

    path = pathlib.Path(FLAGS.sheet)
    sheet = contact_sheet.draw(gallery, " ".join(FLAGS.query), hits, sentences, FLAGS.max_pixels)
    with atomic_files.atomic_path(path) as temporary:
        sheet.save(temporary, "PNG")


def _empty_folder(name: str) -> pathlib.Path:
    path = pathlib.Path(name)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(f"--copy_to={path} is not empty; give a new folder, so that nothing is written over")
    path.mkdir(parents=True, exist_ok=True)
    return path


def _search_sentences(terms) -> None:
    from cmr.gallery import nearest_sentences, queries
    from cmr.serving import packed_model

    for name in ("paths_only", "copy_to", "sheet", "ann"):
        if FLAGS[name].value:
            raise ConfigError(f"--sentences finds sentences and no pictures; leave --{name} out")
    retriever = packed_model.load(_model_for_sentences(), FLAGS.max_pixels)
    _say_unknown_words(terms, retriever)
    query = queries.embed(terms, retriever).vector
    if FLAGS.sentences_file:
        sentences = nearest_sentences.of_file(pathlib.Path(FLAGS.sentences_file), retriever)
    else:
        sentences = retriever.sentences
    if sentences is None:
        raise ConfigError(
            f"{retriever.parts.name} carries no sentences; pack it with cmr.pack and give the file as --model, or give "
            "--sentences_file"
        )
    (near,) = nearest_sentences.nearest(sentences, query[None], FLAGS.top)
    made = []
    if len(terms) == 1 and terms[0].picture is not None and retriever.has_captioner:
        made = [retriever.caption(terms[0].picture)]
    if FLAGS.json:
        results = [{"score": each.score, "sentence": each.sentence} for each in near]
        print(json.dumps({"query": FLAGS.query, "results": results, "made": made}, indent=2, ensure_ascii=False))
        return
    for each in near:
        print(f"{each.score:.4f}\t{each.sentence}")
    for sentence in made:
        print(f"made\t{sentence}")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
