"""The search as JSON; an error is `{"error": sentence}`.

GET  /api/search?q=&like=&unlike=&top=&offset=    words, and rows of the gallery that are added or subtracted
POST /api/search                                  a form with a picture as `picture`, and any of these
GET  /api/similar/{row}?top=&offset=              pictures like one of the gallery
GET  /api/sentences/{row}?top=                    the nearest sentences of a picture, and the captioner's own
GET  /api/embed?q=&q=                             unit vectors of sentences; POST takes a form with a few pictures too
GET  /api/status                                  the gallery and its model
"""

import json

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cmr.gallery import answers, queries
from cmr.gallery.searching import Gallery
from cmr.serving.web import addresses, pictures, rows, uploads
from cmr.serving.web.addresses import Params, WebQuery
from cmr.serving.web.site import Results, Site, site_of

_TOP, _MAX_TOP = 10, 500
_MAX_EMBEDDED = 100


def search(request: Request) -> Response:
    """GET `/api/search`."""
    return _search(site_of(request), WebQuery.read(request.query_params), request.query_params)


async def search_by_picture(request: Request) -> Response:
    """POST `/api/search`."""
    form = await uploads.read_form(request, max_files=1)
    contents = await uploads.pictures_of(form)
    return await run_in_threadpool(_search, site_of(request), WebQuery.read(form), form, contents)


def similar(request: Request) -> Response:
    """`/api/similar/{row}`."""
    return _search(site_of(request), WebQuery(like=(request.path_params["row"],)), request.query_params)


def _search(site: Site, query: WebQuery, params: Params, contents: list[bytes] = ()) -> Response:
    top = addresses.number(params, "top", _TOP, 1, _MAX_TOP)
    offset = addresses.offset(params)
    with site.live.opened() as gallery:
        for content in contents:
            query = site.with_picture(gallery, query, content)
        if query.is_empty:
            raise HTTPException(400, "say what to look for: /api/search?q=a dog runs along the sea")
        results = site.search(gallery, query, top, offset)
        answer = results.answer
        following = addresses.next_offset(offset, top, len(answer.hits))
        return _json(
            {
                "query": query.address("/api/search"),
                "unknown_words": results.unknown_words,
                "pictures": len(gallery),
                "seconds": results.seconds,
                "stands_out": answer.stands_out,
                "results": _results(gallery, results),
                "next": query.address("/api/search", top=top, offset=following) if following else None,
            }
        )


def _results(gallery: Gallery, results: Results) -> list[dict]:
    as_json = answers.as_json(results.answer.hits, results.sentences, rows.name_below(gallery))
    return [
        {
            "row": hit.row,
            **each,
            "thumbnail": f"/thumbnails/{hit.row}?v={pictures.version(gallery, hit.row)}",
            "picture": f"/pictures/{hit.row}/file",
        }
        for hit, each in zip(results.answer.hits, as_json, strict=True)
    ]


def sentences(request: Request) -> Response:
    """`/api/sentences/{row}`."""
    site, row = site_of(request), request.path_params["row"]
    top = addresses.number(request.query_params, "top", _TOP, 1, _MAX_TOP)
    with site.live.opened() as gallery:
        near = site.near_sentences(gallery, row, top)
        return _json(
            {
                "row": row,
                "path": rows.name_below(gallery)(rows.file_of(gallery, row)),
                "results": [{"score": each.score, "sentence": each.sentence} for each in near],
                "made": site.made_sentences(gallery, row),
            }
        )


def embed(request: Request) -> Response:
    """GET `/api/embed`."""
    return _embed(site_of(request), request.query_params)


async def embed_pictures(request: Request) -> Response:
    """POST `/api/embed`."""
    form = await uploads.read_form(request, max_files=_MAX_EMBEDDED)
    return await run_in_threadpool(_embed, site_of(request), form, await uploads.pictures_of(form))


def _embed(site: Site, params: Params | FormData, contents: list[bytes] = ()) -> Response:
    given = addresses.sentences(params)
    if not 1 <= len(given) + len(contents) <= _MAX_EMBEDDED:
        raise HTTPException(400, f"give 1 to {_MAX_EMBEDDED} sentences as q, or pictures as picture in a form")
    retriever = site.retriever
    for sentence in given:
        queries.check_heard(sentence, retriever)
    vectors = retriever.embed_sentences(given).tolist() if given else []
    vectors += [upload.embedding.tolist() for upload in site.uploads.take_all(contents)]
    return _json(
        {
            "model_checksum": retriever.parts.checksum,
            "dim": retriever.dim,
            "unknown_words": [retriever.unknown_words(sentence) for sentence in given],
            "embeddings": vectors,
        }
    )


def status(request: Request) -> Response:
    """`/api/status`."""
    site = site_of(request)
    retriever = site.retriever
    with site.live.opened() as gallery:
        return _json(
            {
                "pictures": len(gallery),
                "files": gallery.num_files,
                "is_being_indexed": site.live.is_being_indexed,
                "says": site.status(gallery),
                "model": {
                    "name": site.model_name,
                    "checksum": retriever.parts.checksum,
                    "features": retriever.parts.features,
                    "words": retriever.num_words,
                    "dim": retriever.dim,
                    "has_captioner": retriever.has_captioner,
                    "sentences": len(retriever.sentences.texts) if retriever.sentences else 0,
                },
            }
        )


def _json(value: dict) -> Response:
    # ensure_ascii: a name may hold what UTF-8 has not; and "<" is no markup, should a browser take it for some.
    text = json.dumps(value).replace("<", "\\u003c")
    return Response(f"{text}\n", media_type="application/json")


def is_asked(path: str) -> bool:
    """Whether an address is one of these, whose errors programs read."""
    return path.startswith("/api/")


def error(sentence: str, code: int) -> Response:
    """An error's answer."""
    response = _json({"error": sentence})
    response.status_code = code
    return response
