"""The pages: the search with its results, a picture with the sentences nearest to it, and the model's card.

All of it works without scripts; page.js makes it quicker to use.
"""

import dataclasses
import secrets
from collections.abc import Sequence

import jinja2
import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from cmr.errors import CmrError
from cmr.gallery import answers, nearest_sentences
from cmr.gallery.searching import Gallery, Hit
from cmr.serving.web import addresses, card_blocks, pictures, rows, uploads
from cmr.serving.web.addresses import WebQuery
from cmr.serving.web.site import Site, site_of

_PAGE = 36
_MAX_SEED = 10**9
_SENTENCES = 12

# A step of the stylesheet's aspect ratios, and the narrowest and widest of them.
ASPECT_STEPS = 20
_NARROWEST, _WIDEST = 0.75, 2.0

_EXAMPLES = 3
_EXAMPLE_LETTERS = range(16, 37)
_LOOKED_AT_FOR_EXAMPLES = 400

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("cmr.serving.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["grouped"] = "{:,}".format
_TEMPLATES.filters["score"] = lambda score: f"{score:.3f}".replace("-", "−")
_TEMPLATES.filters["as_printed"] = nearest_sentences.as_printed
_TEMPLATES.filters["as_query"] = addresses.as_query
_TEMPLATES.filters["percent"] = answers.percent


@dataclasses.dataclass(frozen=True)
class Card:
    """A picture among the results.

    Attributes:
      hit: the result.
      name: of its file.
      sentence: the nearest; "" where the model carries none.
      width: of the picture.
      height: likewise.
      version: of its thumbnail's address.
    """

    hit: Hit
    name: str
    sentence: str
    width: int
    height: int
    version: str

    @property
    def aspect(self) -> int:
        """Number of the stylesheet's class for its aspect ratio."""
        return round(min(_WIDEST, max(_NARROWEST, self.width / self.height)) * ASPECT_STEPS)

    @property
    def alt(self) -> str:
        """What stands for the picture where it is not seen."""
        sentence = nearest_sentences.as_printed(self.sentence)
        return f"{self.name}. Nearest sentence: {sentence}" if sentence else self.name


def aspects_css(_: Request) -> Response:
    """`/aspects.css`: a class an aspect ratio, since the page's policy forbids styles within it."""
    first, last = round(_NARROWEST * ASPECT_STEPS), round(_WIDEST * ASPECT_STEPS)
    rules = "".join(f".aspect-{number}{{--aspect:{number / ASPECT_STEPS}}}\n" for number in range(first, last + 1))
    return Response(rules, media_type="text/css")


def search(request: Request) -> Response:
    """`/`: pictures at random, or the results of a query."""
    site, params = site_of(request), request.query_params
    with site.live.opened() as gallery:
        query = WebQuery.read(params)
        offset = addresses.offset(params)
        if query.is_empty:
            return _at_random(site, gallery, addresses.number(params, "seed", 0, 0, _MAX_SEED), offset)
        results = site.search(gallery, query, _PAGE, offset)
        return _render(
            site,
            gallery,
            "search.html.jinja",
            query=query,
            results=results,
            cards=_cards(site, gallery, results.answer.hits, results.sentences),
            offset=offset,
            more=_more(results.answer.hits, query, offset),
        )


def _at_random(site: Site, gallery: Gallery, seed: int, offset: int) -> Response:
    # The same order for the next page.
    seed = seed or 1 + secrets.randbelow(_MAX_SEED)
    hits = answers.at_random(gallery, seed, _PAGE, offset)
    return _render(
        site,
        gallery,
        "search.html.jinja",
        cards=_cards(site, gallery, hits, site.sentences(gallery, [hit.row for hit in hits])),
        offset=offset,
        more=_more(hits, WebQuery(), offset, seed),
        examples=_examples(site, seed),
    )


def _more(hits: Sequence[Hit], query: WebQuery, offset: int, seed: int | None = None) -> str:
    following = addresses.next_offset(offset, _PAGE, len(hits))
    return query.address("/", seed=seed, offset=following) if following else ""


def _examples(site: Site, seed: int) -> list[str]:
    """Short sentences that the model has learnt from, to begin with."""
    if site.retriever.sentences is None:
        return []
    texts = site.retriever.sentences.texts
    rows = np.random.default_rng(seed).integers(len(texts), size=_LOOKED_AT_FOR_EXAMPLES)
    short = [addresses.as_query(texts[row]) for row in rows if len(texts[row]) in _EXAMPLE_LETTERS]
    return list(dict.fromkeys(short))[:_EXAMPLES]


async def search_by_picture(request: Request) -> Response:
    """POST `/`: a picture is given; its results have an address of their own."""
    form = await uploads.read_form(request, max_files=1)
    contents = await uploads.pictures_of(form)
    if not contents:
        raise HTTPException(400, "choose a picture first, or drop one on the page")
    query = WebQuery.read(form)
    return await run_in_threadpool(_remembered, site_of(request), query, contents[0])


def _remembered(site: Site, query: WebQuery, content: bytes) -> Response:
    with site.live.opened() as gallery:
        return RedirectResponse(site.with_picture(gallery, query, content).address("/"), 303)


def picture(request: Request) -> Response:
    """`/pictures/{row}`: a picture and what one would say of it."""
    site, row = site_of(request), request.path_params["row"]
    query = WebQuery.read(request.query_params)
    with site.live.opened() as gallery:
        path = rows.file_of(gallery, row)
        hit = Hit(0, row, 0.0, 0.0, path, [])
        (card,) = _cards(site, gallery, [hit], site.sentences(gallery, [row]))
        return _render(
            site,
            gallery,
            "picture.html.jinja",
            query=query,
            card=card,
            near=site.near_sentences(gallery, row, _SENTENCES),
            made=site.made_sentences(gallery, row),
        )


def model(request: Request) -> Response:
    """`/model`: the model's card."""
    site = site_of(request)
    with site.live.opened() as gallery:
        return _render(site, gallery, "model.html.jinja", blocks=card_blocks.blocks(site.retriever.card))


def failed(request: Request, sentence: str, code: int) -> Response:
    """A page that says what is wrong, with what was asked still in the box; the sentence alone without a gallery."""
    site = site_of(request)
    try:
        query = WebQuery.read(request.query_params)
    except CmrError:
        query = WebQuery()
    try:
        with site.live.opened() as gallery:
            examples = _examples(site, secrets.randbelow(_MAX_SEED))
            response = _render(site, gallery, "search.html.jinja", query=query, error=sentence, examples=examples)
    except (CmrError, OSError):
        # What is wrong may be what every page is made of.
        return PlainTextResponse(f"{sentence}\n", code)
    response.status_code = code
    return response


def _cards(site: Site, gallery: Gallery, hits: Sequence[Hit], sentences: Sequence[str]) -> list[Card]:
    sizes = site.sizes(gallery, [hit.row for hit in hits])
    name = rows.name_below(gallery)
    return [
        Card(hit, name(hit.path), sentence, width, height, pictures.version(gallery, hit.row))
        for hit, sentence, (width, height) in zip(hits, sentences, sizes, strict=True)
    ]


def _render(site: Site, gallery: Gallery, template: str, **values: object) -> Response:
    shown = {
        "query": WebQuery(),
        "title": rows.folder_name(gallery),
        "num_pictures": len(gallery),
        "num_words": site.retriever.num_words,
        "model_name": site.model_name,
        "features": site.retriever.parts.features,
        "status": site.status(gallery),
        "max_upload_bytes": site.limits.upload_bytes,
        "error": "",
        "results": None,
        "cards": [],
        "offset": 0,
        "more": "",
        "examples": [],
        **values,
    }
    return Response(_TEMPLATES.get_template(template).render(shown), media_type="text/html")
