"""The text encoder as a user of PyTorch would write it, to be timed beside ours: a packed `nn.GRU`, Adam and clipping.

Needs the extra `peers` (PyTorch).
"""

from collections.abc import Callable

import numpy as np
import torch

from cmr.config import ModelConfig
from cmr.workspace import vocabulary


class TorchTextEncoder(torch.nn.Module):
    """Word embedding and GRU (cuDNN's form, the only one that PyTorch has); a sentence is its last state, of norm 1."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.words = torch.nn.Embedding(config.vocabulary_size, config.word_dim)
        self.gru = torch.nn.GRU(config.word_dim, config.gru_units, batch_first=True)

    def forward(self, caption: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """`[batch, time]` int64 and `[batch]` int64 to `[batch, gru_units]`."""
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            self.words(caption), lengths, batch_first=True, enforce_sorted=False
        )
        _, last = self.gru(packed)
        return torch.nn.functional.normalize(last[0], dim=1)


def training_step(config: ModelConfig, clip_norm: float, autocast: bool) -> Callable[[np.ndarray], float]:
    """Makes a step: gradient of the sum of the embeddings, clipping, Adam.

    Args:
      config: sizes.
      clip_norm: global norm.
      autocast: let PyTorch choose bfloat16 for products.

    Returns:
      A function of captions `[batch, time]` int32, padded with 0 on the right, to the sum.
    """
    encoder = TorchTextEncoder(config)
    optimizer = torch.optim.Adam(encoder.parameters())

    def step(caption: np.ndarray) -> float:
        lengths = torch.from_numpy((caption != vocabulary.PAD_ID).sum(axis=1))
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            total = encoder(torch.from_numpy(caption).long(), lengths).float().sum()
        total.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), clip_norm)
        optimizer.step()
        return float(total.detach())

    return step
