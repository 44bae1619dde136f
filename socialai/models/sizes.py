"""Sizes of models: parameters counted without memory for them, bytes, operations of training."""

import torch
from torch import nn

from socialai.validation import check_number

BYTES_PER_PARAMETER = {
    "fp32": 4.0,
    "bf16": 2.0,
    "4-bit": 18 / 32,  # blocks of 32 weights in 18 bytes
}


def count_parameters(model_class: type[nn.Module], config) -> dict[str, int]:
    """Sizes of `model_class(config)`, built on the meta device: shapes without storage.

    So any size fits. Returns parameters (a shared tensor counted once), repeated (counted again
    wherever it is used) and embeddings (the look-up tables among the parameters: words, positions,
    segments).
    """
    with torch.device("meta"):
        model = model_class(config)
    tables = {m.weight for m in model.modules() if isinstance(m, nn.Embedding)}
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "repeated": sum(p.numel() for _, p in model.named_parameters(remove_duplicate=False)),
        "embeddings": sum(p.numel() for p in tables),
    }


def gpt_parameters(n_layers: int, d_model: int, n_vocab: int, n_positions: int) -> dict[str, int]:
    """Parameters of a GPT-2-style decoder by formula, tied output layer, d_ff = 4 d_model.

    matrices: 12 n_layers d_model^2 (Kaplan et al. 2020, section 2.1); vectors: biases and
    LayerNorms; embeddings; total. Source of the design: Radford et al. 2019.
    """
    sizes = {"n_layers": n_layers, "d_model": d_model, "n_vocab": n_vocab}
    for name, size in (sizes | {"n_positions": n_positions}).items():
        check_number(size, name, 0, whole=True)
    parts = {
        "matrices": 12 * n_layers * d_model**2,
        "vectors": (13 * n_layers + 2) * d_model,
        "embeddings": (n_vocab + n_positions) * d_model,
    }
    return parts | {"total": sum(parts.values())}


def training_flops(parameters: float, tokens: float) -> float:
    """Estimated operations of training, 6 N D: 2 N a token forward, 4 N backward.

    Source: Kaplan et al. 2020, section 2.1.
    """
    check_number(parameters, "parameters", 0)
    check_number(tokens, "tokens", 0)
    return 6.0 * parameters * tokens
