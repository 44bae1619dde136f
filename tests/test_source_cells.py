"""Cells of lessons that hold the package's source."""

import nbformat
import pytest

from socialai import files
from socialai.course import source_cells
from socialai.errors import UserError

NAME = "socialai.models.attention:causal_mask"


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path)
    cells = [
        nbformat.v4.new_code_cell(
            "def causal_mask(n):\n    return None", metadata={"source": NAME}
        ),
        nbformat.v4.new_code_cell("causal_mask(3)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "01_small.ipynb")
    return tmp_path / "01_small.ipynb"


def test_a_cell_gets_the_packages_lines_and_no_other_cell_changes(notebook):
    assert len(source_cells.differences(notebook)) == 1
    assert source_cells.renew_all() == ["01_small"]
    assert source_cells.shown(notebook) == {NAME: source_cells.source_of(NAME)}
    assert nbformat.read(notebook, as_version=4).cells[1].source == "causal_mask(3)"
    assert source_cells.differences(notebook) == [] and source_cells.renew_all() == []


def test_the_source_is_that_which_runs():
    import inspect

    from socialai.models import attention

    for name in ("softmax", "MultiHeadAttention"):
        shown = source_cells.source_of(f"socialai.models.attention:{name}")
        assert shown == inspect.getsource(getattr(attention, name)).rstrip("\n")


@pytest.mark.parametrize(
    "name", ["socialai.models.attention:nothing", "socialai.models.nothing:x", "torch:nn"]
)
def test_a_source_that_is_not_there_is_said(name):
    with pytest.raises(UserError, match="of which a cell shows the source"):
        source_cells.source_of(name)
