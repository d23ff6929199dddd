"""Training on processors: attention by matrix products, hidden states in bfloat16, cheap dropout masks.

torch's fused attention is slow in bfloat16 on a processor, most of all backward; two plain products around a softmax use the
matrix unit (AMX). The figures are in LOG.md.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from bioner.tagging.precision import BF16

PRODUCTS = "bioner_products"


def prepare_for_processor(network: Any, precision: str) -> None:
    """Make training on a processor fast; what the network computes in evaluation mode and float32 stays what it is.

    Under a bfloat16 autocast, hidden states are bfloat16 from the embeddings' output on, so that they are converted once and not
    before every product. Attention is switched if the network's family has a fused one to switch.
    """
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout and 0 < child.p < 1:
                setattr(parent, name, Dropout(child.p).train(child.training))
    if precision == BF16:
        network.base_model.embeddings.register_forward_hook(_convert)
        if network.config._attn_implementation == "sdpa":
            AttentionInterface.register(PRODUCTS, product_attention)
            AttentionMaskInterface.register(PRODUCTS, sdpa_mask)
            network.set_attn_implementation(PRODUCTS)


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) whose mask takes 16 random bits an element, not a whole draw.

    Args:
        p: probability that an element becomes 0, rounded to 1/65,536; the others are divided by 1 - p.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = round(p * 65536) / 65536

    def forward(self, values: Tensor) -> Tensor:
        if not self.training:
            return values
        draws = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = draws.view(torch.int16)[: values.numel()].view(values.shape)
        return values * ((bits >= self.p * 65536 - 32768).to(values.dtype) / (1 - self.p))


def product_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *, scaling: float, dropout: float = 0.0, **_: Any
) -> tuple[Tensor, None]:
    """softmax(scaling * Q K^T) V of [B, H, L, D] as [B, L, H, D]; the mask is bool, True where a query may look."""
    scores = (query * scaling) @ key.transpose(2, 3)
    if attention_mask is not None:
        # not -inf: a padding beyond the reach of local attention looks nowhere, and NaN would spread from it
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    weights = functional.dropout(scores.softmax(-1), dropout, module.training)
    return (weights @ value).transpose(1, 2), None


def _convert(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
    return output.to(torch.bfloat16) if torch.is_autocast_enabled(output.device.type) else output
