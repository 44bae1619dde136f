"""What a lesson hides of the libraries' warnings, and what it lets the reader see."""

import warnings

import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import socialai


@pytest.fixture
def seen():
    """The warnings that a reader would see after `quiet`, each once."""
    with warnings.catch_warnings(record=True) as found:
        warnings.resetwarnings()
        socialai.quiet()
        yield found


@pytest.mark.parametrize("category", socialai.DRIFTING)
def test_notes_of_libraries_about_their_versions_are_hidden(seen, category):
    warnings.warn("this will go", category, stacklevel=1)
    assert seen == []


def test_torch_may_not_speak_of_its_fast_path(seen):
    layer = torch.nn.TransformerEncoderLayer(4, 2, 8, norm_first=True)
    torch.nn.TransformerEncoder(layer, 1)
    assert seen == []


def test_a_fit_that_did_not_converge_is_seen(seen):
    LogisticRegression(max_iter=1).fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])
    assert [warning.category for warning in seen] == [ConvergenceWarning]


@pytest.mark.parametrize("category", [RuntimeWarning, UserWarning])
def test_other_warnings_are_seen(seen, category):
    warnings.warn("divide by zero", category, stacklevel=1)
    assert [warning.category for warning in seen] == [category]
