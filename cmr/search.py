"""Searches an indexed folder of pictures by sentences, by pictures, or by both added and subtracted.

    python -m cmr.search "a dog runs along the sea" --pictures=~/Pictures
    python -m cmr.search ./dog.jpg --pictures=~/Pictures
    python -m cmr.search "a beach" + ./dog.jpg - "people" --pictures=~/Pictures --sheet=beach.png
    python -m cmr.search ./dog.jpg --sentences --model=flickr8k.cmr

Prints `score <tab> path` lines, the best first, and nothing else on standard output.
"""

import json
import pathlib
import shutil
import sys
import time

from absl import flags

from cmr import shell
from cmr.cli import command, search_flags
from cmr.errors import ConfigError, DataError, WorkspaceError

FLAGS = flags.FLAGS

GROUPS = (search_flags.query_flags, search_flags.results_flags)

# Before TensorFlow is imported: what a user waits for.
_STARTED = time.monotonic()


def main() -> None:
    from cmr.gallery import queries
    from cmr.serving import packed_model

    terms = queries.parse(FLAGS.query)
    if FLAGS.sentences or FLAGS.sentences_file:
        _search_sentences(terms)
        return
    if FLAGS.sheet and pathlib.Path(FLAGS.sheet).suffix.lower() != ".png":
        raise ConfigError(f"--sheet={FLAGS.sheet} is no name of a PNG file; give one that ends in .png")
    copy_to = _empty_folder(FLAGS.copy_to) if FLAGS.copy_to else None
    gallery = _gallery()
    retriever = packed_model.load(_model(gallery.description.model))
    if retriever.parts.checksum != gallery.description.model_checksum:
        raise WorkspaceError(
            f"{gallery.place.folder} was indexed with another model ({gallery.description.model}); search with that "
            "one, or index anew: "
            + shell.python_command("cmr.index", gallery.place.pictures, f"--model={FLAGS.model}", "--rebuild")
        )
    unknown = _say_unknown_words(terms, retriever)
    query = queries.embed(terms, retriever)
    started = time.monotonic()
    scores = _scores(gallery, query)
    for term in terms:
        own = _own_row(gallery, term)
        if own is not None:
            scores[own] = float("-inf")
    hits = gallery.hits(scores, FLAGS.top)
    seconds = time.monotonic() - started
    better = _share_with_better_best(terms, hits, retriever)
    shows_sentences = (sys.stdout.isatty() or FLAGS.json or FLAGS.sheet) and retriever.sentences is not None
    sentences = _nearest_sentences(gallery, hits, retriever) if hits and shows_sentences else [""] * len(hits)
    _print_hits(gallery, hits, sentences, seconds, better, unknown)
    if FLAGS.sheet:
        _draw(gallery, hits, sentences)
    if copy_to:
        for hit in hits:
            shutil.copy2(hit.path, copy_to / f"{hit.rank:0{len(str(len(hits)))}}-{hit.path.name}")


def _gallery():
    from cmr.gallery.searching import Gallery

    # A gallery elsewhere knows its pictures.
    pictures = None if FLAGS.gallery_dir and FLAGS["pictures"].using_default_value else FLAGS.pictures
    gallery = Gallery.open(pictures, FLAGS.gallery_dir or None)
    if not len(gallery):
        raise DataError(
            f"{gallery.place.pictures} has no picture in its index; run "
            + shell.python_command("cmr.index", gallery.place.pictures)
        )
    return gallery


def _model(of_index: str) -> str:
    if not FLAGS.model and not pathlib.Path(of_index).exists():
        raise WorkspaceError(
            f"{of_index}, the model that the index was made with, is no longer there; give it with --model"
        )
    return FLAGS.model or of_index


def _scores(gallery, query):
    if not FLAGS.ann:
        return gallery.scores(query[None])[:, 0]
    from cmr.gallery.approximate import ApproximateSearch

    # Some may be hidden, or the query itself.
    wanted = 2 * FLAGS.top + len(gallery.hidden) + 10
    scores = ApproximateSearch(gallery.store).scores(gallery.embeddings, query, wanted)
    scores[gallery.hidden] = float("-inf")
    return scores


def _own_row(gallery, term) -> int | None:
    from cmr.gallery import streaming

    return gallery.row_of_content(streaming.content_sha256(term.picture)) if term.picture else None


def _say_unknown_words(terms, retriever) -> list[str]:
    from cmr.gallery import queries

    unknown = queries.unknown_words(terms, retriever)
    if unknown:
        print(
            f"not among the model's {retriever.num_words:,} words, so not heard: {', '.join(unknown)}",
            file=sys.stderr,
        )
    return unknown


def _share_with_better_best(terms, hits, retriever) -> float | None:
    """Of the validation sentences those whose best picture scored higher; only a sentence is like them."""
    if len(terms) > 1 or terms[0].picture is not None or not hits:
        return None
    return retriever.share_with_better_best(hits[0].score)


def _nearest_sentences(gallery, hits, retriever) -> list[str]:
    from cmr.gallery import nearest_sentences

    rows = gallery.embeddings[[hit.row for hit in hits]]
    return [near[0].sentence for near in nearest_sentences.nearest(retriever.sentences, rows, 1)]


def _print_hits(gallery, hits, sentences, seconds: float, better: float | None, unknown: list[str]) -> None:
    stands_out = better is None or better < _STANDS_OUT
    if hasattr(sys.stdout, "reconfigure"):
        # A file's name need not be text.
        sys.stdout.reconfigure(errors="surrogateescape")
    if FLAGS.json:
        print(json.dumps(_as_json(gallery, hits, sentences, seconds, stands_out, unknown), indent=2))
    elif FLAGS.paths_only:
        print("".join(f"{hit.path}\n" for hit in hits), end="")
    elif sys.stdout.isatty():
        for hit, sentence in zip(hits, sentences, strict=True):
            print(f"{hit.score:.4f}\t{hit.path}\t{_percent(hit.share)} score as high\t{sentence}")
    else:
        print("".join(f"{hit.score:.4f}\t{hit.path}\n" for hit in hits), end="")
    sys.stdout.flush()
    if not stands_out:
        print(
            f"nothing stands out: of the sentences that the model was validated with, {_percent(better)} have a best "
            f"picture above {hits[0].score:.2f}",
            file=sys.stderr,
        )
    print(
        f"{len(gallery):,} pictures searched in {seconds:.3f} s, {time.monotonic() - _STARTED:.1f} s after the start",
        file=sys.stderr,
    )


# A sentence whose best picture is worse than that of so many others has probably none here.
_STANDS_OUT = 0.95


def _as_json(gallery, hits, sentences, seconds: float, stands_out: bool, unknown: list[str]) -> dict:
    return {
        "query": FLAGS.query,
        "unknown_words": unknown,
        "pictures": len(gallery),
        "seconds": seconds,
        "stands_out": stands_out,
        "results": [
            {
                "rank": hit.rank,
                "score": hit.score,
                "share": hit.share,
                "path": str(hit.path),
                "copies": [str(path) for path in hit.copies],
                "nearest_sentence": sentence,
            }
            for hit, sentence in zip(hits, sentences, strict=True)
        ],
    }


def _percent(share: float) -> str:
    return f"{100 * share:.{2 if share < 0.01 else 0}f}%"


def _draw(gallery, hits, sentences) -> None:
    from cmr.gallery import contact_sheet
    from cmr.workspace import atomic_files

    path = pathlib.Path(FLAGS.sheet)
    sheet = contact_sheet.draw(gallery, " ".join(FLAGS.query), hits, sentences)
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
    retriever = packed_model.load(FLAGS.model or _model(_gallery().description.model))
    _say_unknown_words(terms, retriever)
    query = queries.embed(terms, retriever)
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
