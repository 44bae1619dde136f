"""Devices and precisions are chosen by name, and a wrong name is told."""

import pytest
import torch
from torch import nn

from socialai.errors import UserError
from socialai.models.device import autocast, choose_device, supports_bf16

CPU = torch.device("cpu")


def test_autocast_knows_three_precisions():
    with pytest.raises(UserError, match="'fp16'.*choose from auto, bf16, fp32"):
        autocast(CPU, "fp16")
    layer = nn.Linear(4, 4)
    wanted = {"bf16": torch.bfloat16, "fp32": torch.float32}
    wanted["auto"] = wanted["bf16" if supports_bf16(CPU) else "fp32"]
    for precision, dtype in wanted.items():
        with autocast(CPU, precision):
            assert layer(torch.ones(1, 4)).dtype == dtype


def test_a_device_that_is_not_there_is_told():
    assert choose_device("cpu") == CPU
    assert choose_device().type in {"cpu", "cuda", "mps"}
    with pytest.raises(UserError, match="device 'none' is not available"):
        choose_device("none")
