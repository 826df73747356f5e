"""Packages beyond the library's: said in one line before anything is written, by every command that needs them."""

import pytest
import tiny_runs

from cmr.errors import ConfigError
from experiments.report import __main__ as report


@pytest.mark.parametrize(
    "name", ["experiments.reproduce", "experiments.ablations", "experiments.ensemble", "experiments.margin_sweep"]
)
def test_a_package_that_is_missing_is_named_before_anything_is_trained(monkeypatch, tmp_path, name):
    module = tiny_runs.command_module(name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    ended = tiny_runs.run_main(module.main, f"--workspace_dir={tmp_path / 'workspace'}", groups=module.GROUPS)

    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert "run: pip install 'cmr[report]'" in ended.stderr
    assert not (tmp_path / "workspace").exists()


def test_the_report_asks_before_tensorflow_is_imported(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ConfigError, match="need the package jinja2"):
        report.check_flags()
