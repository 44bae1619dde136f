"""Graph convolutions on a sparse graph equal the dense formula, in values and gradients."""

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import sparse

from socialai.errors import UserError
from socialai.models.gcn import GCN, GraphConvolution, normalised_adjacency


@pytest.fixture
def karate():
    """The adjacency matrix (34, 34) of the karate club, each tie counting 1."""
    return sparse.csr_array(nx.to_scipy_sparse_array(nx.karate_club_graph(), weight=None))


def dense_A_hat(A):
    """D^-1/2 (A + I) D^-1/2 by dense products."""
    looped = torch.tensor(A.toarray() + np.eye(A.shape[0])).float()
    scale = torch.diag(looped.sum(1).pow(-0.5))
    return scale @ looped @ scale


def test_the_adjacency_is_normalised_by_the_formula(karate):
    torch.testing.assert_close(normalised_adjacency(karate).to_dense(), dense_A_hat(karate))


def test_a_negative_weight_is_told():
    with pytest.raises(UserError, match="A must be at least 0; one number is -1"):
        normalised_adjacency(-np.eye(2))


def test_a_layer_equals_the_dense_formula(karate):
    torch.manual_seed(0)
    layer = GraphConvolution(7, 3)
    X = torch.randn(34, 7)
    expected = dense_A_hat(karate) @ X @ layer.weight + layer.bias
    torch.testing.assert_close(layer(normalised_adjacency(karate), X), expected)


def test_two_layers_equal_the_dense_formula_in_values_and_gradients(karate):
    torch.manual_seed(0)
    model = GCN(34, 5, 2).eval()
    A_hat = dense_A_hat(karate)
    hidden = torch.relu(A_hat @ model.first.weight + model.first.bias)
    by_hand = A_hat @ hidden @ model.second.weight + model.second.bias
    ours = model(normalised_adjacency(karate))
    torch.testing.assert_close(ours, by_hand)

    # no features stand for the identity
    with_identity = model(normalised_adjacency(karate), torch.eye(34))
    torch.testing.assert_close(with_identity, by_hand)
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(ours.square().sum(), parameters)
    expected = torch.autograd.grad(by_hand.square().sum(), parameters)
    torch.testing.assert_close(gradients, expected)
