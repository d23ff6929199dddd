"""Gradient checkpointing: less memory for one more forward pass (Chen et al. 2016, arXiv 1604.06174)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from bioner.tagging.refusals import RecipeError


def checkpoint_layers(network: Any) -> None:
    """Keep only the inputs of each encoder layer in training; the backward pass computes the rest again, with the same dropout.

    Gradients stay what they are. The layers' own method is replaced, because transformers' switch knows no ALBERT.

    Raises:
        RecipeError: the network has no layers that are known.
    """
    layers = encoder_layers(network)
    if not layers:
        raise RecipeError(f"expected layers in a {type(network).__name__}, found none; set gradient_checkpointing: false in the recipe")
    for layer in layers:
        _recompute(layer)


def encoder_layers(network: Any) -> list[nn.Module]:
    """The layers of an encoder in order; of ALBERT the groups, each of which is passed several times."""
    base = network.base_model
    for owner in (base, getattr(base, "encoder", None)):
        for name in ("layer", "layers", "albert_layer_groups"):
            if isinstance(found := getattr(owner, name, None), nn.ModuleList):
                return list(found)
    return []


def _recompute(layer: nn.Module) -> None:
    forward = layer.forward

    def recomputed(*inputs: Any, **settings: Any) -> Any:
        if layer.training and torch.is_grad_enabled():
            return checkpoint(forward, *inputs, use_reentrant=False, **settings)
        return forward(*inputs, **settings)

    layer.forward = recomputed
