"""The command compares what is finished, writes it in every format, and says what is missing."""

import pathlib

import finished_runs
import pytest
from html_pages import ParsedPage
from tiny_runs import run_main

from experiments.claims import __main__ as command
from experiments.claims.comparing import Claims
from experiments.tables import paper


def call(workspace_dir, *arguments):
    place = f"--workspace_dir={workspace_dir}"
    return run_main(command.main, place, *arguments, doc=command.__doc__, groups=command.GROUPS)


def finish(workspace_dir: pathlib.Path, rows: dict[str, float], seeds: int = 1) -> None:
    for name, factor in rows.items():
        for training in paper.row_trainings("scenes", [name], [], seeds)[name]:
            finished_runs.write(training.run(workspace_dir), training.seed, factor)


def test_finished_rows_are_compared_and_the_others_named(tmp_path):
    finish(tmp_path, {"fusion": 0.4, "vse_paper": 1.0}, seeds=2)

    ended = call(tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert "- Left out, for want of a finished run: single, vse_repository, " in ended.stdout
    folder = tmp_path / "scenes" / "experiments"
    assert {path.name for path in folder.iterdir()} == {f"claims.{end}" for end in ("md", "csv", "html", "json")}
    claims = Claims.from_json((folder / "claims.json").read_text())
    assert [(claim.first, claim.second) for claim in claims.readings[0].claims] == [("fusion", "vse_paper")]
    assert "vse_paper (2 seeds), fusion (2 seeds)" in " ".join(claims.features)


def test_an_overlay_has_files_of_its_own(tmp_path):
    overlay = tmp_path / "mine.flags"
    overlay.write_text("--margin=0.3\n")
    for name in ("fusion", "vse_paper"):
        (training,) = paper.row_trainings("scenes", [name], [str(overlay)], 1)[name]
        finished_runs.write(training.run(tmp_path), 0)

    ended = call(tmp_path, f"--overlay={overlay}", "--seeds=1")

    assert ended.returncode == 0, ended.stderr
    assert "mine (--margin=0.3)" in ended.stdout
    assert (tmp_path / "scenes" / "experiments" / "claims-mine.json").exists()


def test_every_format_has_every_pair_with_its_numbers(tmp_path):
    finish(tmp_path, {"fusion": 0.4, "vse_paper": 1.0, "fusion_repository": 0.4, "vse_repository": 1.1})
    call(tmp_path)
    folder = tmp_path / "scenes" / "experiments"
    claims = Claims.from_json((folder / "claims.json").read_text())

    page = ParsedPage((folder / "claims.html").read_text()).text
    for text in (page, (folder / "claims.md").read_text()):
        for reading in claims.readings:
            assert reading.heading in text
            for claim in reading.claims:
                assert f"{claim.first} less" in text
                assert f"{claim.measured['sum_of_recalls'].estimate:+.1f}" in text
    assert len((folder / "claims.csv").read_text().splitlines()) == 1 + sum(
        len(each.claims) for each in claims.readings
    )


@pytest.mark.parametrize("rows", [{}, {"fusion": 1.0}])
def test_nothing_to_compare_is_one_sentence_with_the_command_that_trains(tmp_path, rows):
    finish(tmp_path, rows)

    ended = call(tmp_path)

    assert ended.returncode == 1
    assert "holds no finished row of vse_paper, single, fusion" in ended.stderr
    assert f"(finished: {', '.join(rows) or 'none'})" in ended.stderr
    assert "experiments.reproduce --table=scenes --rows=all" in ended.stderr
    assert not (tmp_path / "scenes" / "experiments").exists()
