"""The report as one HTML page that needs nothing beside it; page.html.jinja is its text, page.css its looks.

Needs jinja2 (`pip install 'cmr[report]'`).
"""

import dataclasses
from collections.abc import Mapping, Sequence

import markupsafe

from experiments.report import pictures
from experiments.report.examples import Group
from experiments.report.parts import Absent
from experiments.tables import templates

# Longest sides in pixels. A page of 100 photographs stays below 3 MB with these.
_QUERY_SIDE = 320
_CANDIDATE_SIDE = 200

_SECTIONS = {
    "table": "The table",
    "claims": "Each system less the others",
    "beyond": "Our best models",
    "curves": "Learning curves",
    "margin": "The margin",
    "ablations": "Ablations",
    "retrieval": "What is retrieved",
    "model": "The model",
    "runs": "Flags and versions of every run",
    "absent": "Not made yet",
}
_SECTIONS_OF_PAPER = {
    "table": "The paper's table",
    "claims": "Which of the paper's comparisons hold",
    "beyond": "Beyond the paper",
}


@dataclasses.dataclass(frozen=True)
class Curves:
    """A row's learning curves.

    Attributes:
      label: of the row.
      plots: what each shows -> data URI.
    """

    label: str
    plots: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Margin:
    """The margin's sweep: its plot as a data URI, and its findings, a paragraph each."""

    src: str
    findings: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Retrieval:
    """The examples of one run.

    Attributes:
      run_name: its folder.
      label: of its row, "" where it is in none.
      why: a sentence that says why this run.
      gallery: a sentence that says what is searched.
      groups: of examples.
    """

    run_name: str
    label: str
    why: str
    gallery: str
    groups: Sequence[Group]


@dataclasses.dataclass(frozen=True)
class Model:
    """A model's diagram as a data URI, None without Graphviz, and Keras's summary of it."""

    diagram: str | None
    summary: str


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """How one run was made.

    Attributes:
      name: its folder.
      label: of the first row that it is in.
      course: how its training went, in a few words.
      flags: of cmr.train.
      versions: what -> its version or checksum.
      members: of an ensemble, the runs that it is made of.
    """

    name: str
    label: str
    course: str
    flags: Sequence[str] = ()
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    members: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Page:
    """All that the page says. What is None or empty is left out.

    Attributes:
      title: of the page.
      dataset_title: name of the data set.
      is_of_paper: whether the paper has numbers of the data set.
      made_on: date.
      git_commit: of the code that made it; None outside a checkout.
      features: sentence that names features -> labels of the rows that use them.
      table: HTML of our rows, beside the paper's where it has any.
      claims: HTML of its comparisons.
      beyond: HTML of the table of our best models.
      ablations: HTML of theirs.
      curves: of the rows.
      margin: the margin's sweep.
      retrieval: examples.
      model: of the run that the examples are of.
      runs: every run.
      absent: parts that nobody has made yet.
    """

    title: str
    dataset_title: str
    is_of_paper: bool
    made_on: str
    git_commit: str | None
    features: Mapping[str, Sequence[str]]
    table: markupsafe.Markup | None = None
    claims: markupsafe.Markup | None = None
    beyond: markupsafe.Markup | None = None
    ablations: markupsafe.Markup | None = None
    curves: Sequence[Curves] = ()
    margin: Margin | None = None
    retrieval: Retrieval | None = None
    model: Model | None = None
    runs: Sequence[RunFacts] = ()
    absent: Sequence[Absent] = ()

    @property
    def contents(self) -> dict[str, str]:
        """Anchor -> title of every section that there is."""
        titles = {**_SECTIONS, **(_SECTIONS_OF_PAPER if self.is_of_paper else {})}
        return {anchor: title for anchor, title in titles.items() if getattr(self, anchor)}


def render_page(page: Page) -> str:
    """Writes the page as HTML."""
    return templates.html(
        "report/page.html.jinja",
        page=page,
        photographs=pictures.photograph,
        query_side=_QUERY_SIDE,
        candidate_side=_CANDIDATE_SIDE,
    )
