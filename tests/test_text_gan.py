"""Gradients pass through a draw of characters, and a language model never looks ahead."""

import torch
from torch.nn import functional as F

from socialai.models import text_gan


def test_gumbel_softmax_is_torchs_and_draws_the_classes():
    logits, u = torch.randn(5, 7), torch.rand(5, 7).clamp(1e-6, 1 - 1e-6)
    torch.manual_seed(0)
    theirs = F.gumbel_softmax(logits, 0.7)
    torch.manual_seed(0)
    noise = torch.exp(
        -torch.empty_like(logits).exponential_()
    )  # torch's own draw, as the uniform number that it is
    assert torch.allclose(text_gan.gumbel_softmax(logits, 0.7, noise), theirs, atol=1e-5)
    assert torch.allclose(text_gan.gumbel_softmax(logits, 0.7, u).sum(-1), torch.ones(5))
    p = torch.tensor([0.6, 0.3, 0.1])
    u = torch.rand(20_000, 3, generator=torch.Generator().manual_seed(0)).clamp(1e-9, 1 - 1e-9)
    drawn = text_gan.gumbel_softmax(p.log().expand(20_000, 3), 0.1, u).argmax(-1)
    assert torch.allclose(torch.bincount(drawn) / 20_000, p, atol=0.015)


def test_text_networks_and_the_gradient_through_the_draw():
    model, critic = text_gan.TextGenerator(6, length=5, d=8), text_gan.TextDiscriminator(6, d=8)
    texts = model(torch.randn(3, 8))
    assert texts.shape == (3, 5, 6) and torch.equal(texts.sum(-1), torch.ones(3, 5))
    critic(texts).sum().backward()
    assert model.output.weight.grad.abs().max() > 0, (
        "the discriminator's gradient reaches the generator"
    )
    drawn = model.draw(4, torch.Generator().manual_seed(0))
    assert drawn.shape == (4, 5) and model.logits(drawn).shape == (4, 5, 6)


def test_a_language_model_never_looks_ahead():
    model, ids = text_gan.TextGenerator(6, length=5, d=8), torch.tensor([[1, 2, 3, 4, 5]])
    changed = ids.clone()
    changed[0, 3] = 1
    assert torch.equal(model.logits(ids)[0, :4], model.logits(changed)[0, :4])
