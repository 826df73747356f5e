"""Which engine --runner asks for, and what is refused before anything is done."""

import pytest

from cmr.errors import ConfigError
from cmr.pipelines import runners
from cmr.pipelines.runners import RUNNERS, Runner


@pytest.fixture
def with_beam(monkeypatch):
    """Apache Beam is there, as far as the check sees."""
    monkeypatch.setattr(runners.extras.importlib.util, "find_spec", lambda module: module)


@pytest.mark.parametrize("name", [*RUNNERS, *(name.lower() for name in RUNNERS)])
def test_an_engine_is_named_with_any_capitals_and_without_the_word(with_beam, name):
    assert runners.chosen(name, "").name.lower() == name.lower()
    assert runners.chosen(name.lower().removesuffix("runner"), "") == runners.chosen(name, "")


def test_options_are_cut_as_a_shell_cuts_them(with_beam):
    options = "--flink_master=host:8081 --job_name='two words'"

    assert runners.chosen("flink", options) == Runner(
        "FlinkRunner", ("--flink_master=host:8081", "--job_name=two words")
    )


def test_without_an_engine_there_is_no_pipeline():
    assert runners.chosen("", "") is None


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("DaskRunner", "", "gives an empty result without an error, so it is not used; choose DirectRunner, "),
        ("dask", "", "gives an empty result"),
        ("Sparkle", "", "--runner=Sparkle is not known here; choose DirectRunner, .* or PortableRunner"),
        ("", "--parallelism=4", "--runner_options are of a pipeline; give --runner with them"),
        ("flink", "--job_name='two", "can't be read .*close the quotes"),
    ],
)
def test_what_can_not_work_is_refused(with_beam, name, options, said):
    with pytest.raises(ConfigError, match=said):
        runners.chosen(name, options)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(runners.extras.importlib.util, "find_spec", lambda module: None)

    with pytest.raises(ConfigError, match=r"--runner needs the package apache-beam; run: pip install 'cmr\[beam\]'"):
        runners.chosen("DirectRunner", "")
