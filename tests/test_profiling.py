"""The clock finds each part of a step."""

import torch
from torch import nn

from socialai.models.profiling import step_parts


def test_the_parts_of_a_step_are_found():
    x, layer, words = torch.randn(512, 512), nn.Linear(512, 512), nn.Dropout(0.5)
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)

    def step():
        words(layer(x)).square().mean().backward()
        optimizer.step()

    step()
    parts = step_parts(step)
    assert all(
        parts[name] > 0 for name in ("matrix products", "dropout", "optimizer", "element-wise")
    )
    assert parts["fused attention"] == 0
    assert max(step_parts(lambda: x @ x).items(), key=lambda item: item[1])[0] == "matrix products"
