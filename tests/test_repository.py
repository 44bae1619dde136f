"""The repository's own promises: one list of dependencies, a lock that satisfies it, a README bound to results."""

import tomllib

from packaging.requirements import Requirement

from socialai import checks, paths

PROJECT = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
LOCK = (paths.ROOT / "requirements.lock").read_text().splitlines()


def test_the_lock_pins_a_version_inside_each_range():
    pins = dict(line.lower().replace("_", "-").split("==") for line in LOCK)
    wanted = [Requirement(r) for r in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
    assert {r.name for r in wanted} <= pins.keys()
    assert all(r.specifier.contains(pins[r.name]) for r in wanted)


def test_the_conda_environment_installs_the_lock_and_this_project():
    environment = (paths.ROOT / "environment.yml").read_text()
    assert "-r requirements.lock" in environment and "-e .[dev]" in environment
    assert f"python{PROJECT['requires-python']}" in environment


def test_the_readme_shows_the_committed_results():
    assert checks.readme_differences() == []


def test_a_number_edited_in_the_readme_is_found(tmp_path):
    text = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    copy = tmp_path / "README.md"
    copy.write_text(
        text.replace("<!-- /results -->", "| 99 | invented | 1 | | | |\n<!-- /results -->"), encoding="utf-8"
    )
    assert checks.readme_differences(copy) != []
