"""Attention in float32 on processors.

In torch 2.13 the backward pass of the fused attention takes about three times as long in bfloat16
as in float32 on a processor (measured with heads of 32 at lengths of 128 and 256; LOG.md). Matrix
products around it stay in the precision of the training.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "bioner_float32"


def float32_attention(module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **rest: Any) -> Any:
    """transformers' fused attention on float32 copies of [B, H, L, D]; the result in the query's format."""
    with torch.autocast(query.device.type, enabled=False):
        output, weights = sdpa_attention_forward(module, query.float(), key.float(), value.float(), attention_mask, **rest)
    return output.to(query.dtype), weights


def use_float32_attention(network: Any) -> None:
    """Switch a network to float32 attention, if its family has a fused one to switch."""
    if network.config._attn_implementation == "sdpa":
        AttentionInterface.register(NAME, float32_attention)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        network.set_attn_implementation(NAME)
