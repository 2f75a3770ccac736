"""The same front end and network in PyTorch, for benchmarks to compare with: what a user would run instead.

"float32" is how the field runs it: PyTorch's defaults. "bfloat16" is tuned: autocast to bfloat16, weights and
activations in channels_last order; for inference batch norm can be folded into the convolutions as well.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from kerastag import audio
from kerastag.models import mel, variants

PRECISIONS = ("float32", "bfloat16")
_FFT_SIZE, _HOP, _NUM_MELS = 512, 256, 128


class LogMel(nn.Module):
    """Waveform (batch, samples) to (batch, 1, 128, frames) in dB, as models.LogMelSpectrogram has it."""

    def __init__(self) -> None:
        super().__init__()
        bank = mel.filter_bank(audio.SAMPLE_RATE, _FFT_SIZE, _NUM_MELS, audio.SAMPLE_RATE / 2)
        self.register_buffer("bank", torch.tensor(bank.T.astype(np.float32)))  # (num_mels, num_bins)
        self.register_buffer("window", torch.hann_window(_FFT_SIZE))

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        spectrum = torch.stft(waveform, _FFT_SIZE, _HOP, window=self.window, return_complex=True)
        power = self.bank @ spectrum.abs().square()  # (batch, num_mels, frames)
        return 10 * torch.log10(torch.clamp(power, min=1e-10))[:, None]


class Block(nn.Module):
    """relu(bn_2(conv_2(relu(bn_1(conv_1(x))))) + bn_3(conv_3(x)))."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.bn_1 = nn.BatchNorm2d(outputs)
        self.conv_2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.bn_2 = nn.BatchNorm2d(outputs)
        self.conv_3 = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.bn_3 = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = functional.relu(self.bn_1(self.conv_1(x)))
        return functional.relu(self.bn_2(self.conv_2(out)) + self.bn_3(self.conv_3(x)))

    def fold(self) -> None:
        """Folds each batch norm into the convolution before it."""
        for number in (1, 2, 3):
            conv, norm = getattr(self, f"conv_{number}"), getattr(self, f"bn_{number}")
            setattr(self, f"conv_{number}", nn.utils.fusion.fuse_conv_bn_eval(conv, norm))
            setattr(self, f"bn_{number}", nn.Identity())


class Network(nn.Module):
    """Spectrogram (batch, 1, 128, frames) to logits (batch, num_tags): the 4.6 s short-chunk residual CNN."""

    def __init__(self, num_tags: int = 56, num_channels: int = 128) -> None:
        super().__init__()
        self.spec_bn = nn.BatchNorm2d(1)
        blocks, inputs = [], 1
        for _, multiple, stride in variants.VARIANTS["4s6"].blocks:
            blocks.append(Block(inputs, multiple * num_channels, stride))
            inputs = multiple * num_channels
        self.blocks = nn.Sequential(*blocks)
        self.dense_1 = nn.Linear(inputs, 2 * num_channels)
        self.bn_1 = nn.BatchNorm1d(2 * num_channels)
        self.dropout = nn.Dropout(0.5)
        self.dense_2 = nn.Linear(2 * num_channels, num_tags)

    def forward(self, spectrogram: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.spec_bn(spectrogram)).amax((2, 3))  # (batch, 4 * num_channels)
        return self.dense_2(self.dropout(functional.relu(self.bn_1(self.dense_1(x)))))


class Twin:
    """Front end and network in one precision, on the GPU where PyTorch sees one.

    Args:
      precision: one of PRECISIONS.
      num_tags: outputs.
      num_channels: c of the blocks' c c 2c 2c 2c 2c 4c channels.
      compiled: by torch.compile.
    """

    def __init__(
        self, precision: str = "float32", num_tags: int = 56, num_channels: int = 128, compiled: bool = False
    ) -> None:
        torch.manual_seed(0)
        self.tuned = precision == "bfloat16"
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cudnn.benchmark = self.tuned
        self._log_mel = LogMel().to(self.device)
        self.network = Network(num_tags, num_channels).to(self.device)
        if self.tuned:
            self.network = self.network.to(memory_format=torch.channels_last)
        self._forward = torch.compile(self._logits) if compiled else self._logits

    def logits(self, waveform: torch.Tensor) -> torch.Tensor:
        """Waveform (batch, samples), float32 or int16, to (batch, num_tags) float32; the front end is float32."""
        waveform = waveform.to(self.device, non_blocking=True)
        scale = 1 / 32768 if waveform.dtype == torch.int16 else 1.0
        return self._forward(waveform.float() * scale)

    def _logits(self, waveform: torch.Tensor) -> torch.Tensor:
        spectrogram = self._log_mel(waveform)
        if self.tuned:
            spectrogram = spectrogram.to(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.tuned):
            return self.network(spectrogram).float()

    def parameters(self) -> int:
        """How many are trained."""
        return sum(parameter.numel() for parameter in self.network.parameters())


def pinned(*arrays: np.ndarray) -> list[torch.Tensor]:
    """Tensors of arrays, in page-locked memory where there is a GPU, from which copies to it overlap its work."""
    tensors = map(torch.from_numpy, arrays)
    return [tensor.pin_memory() if torch.cuda.is_available() else tensor for tensor in tensors]


def trainer(twin: Twin) -> Callable[[torch.Tensor, torch.Tensor], float]:
    """A function that makes a training step and gives the loss of the step before, as kerastag's loop does.

    It takes a waveform (batch, samples) and labels (batch, num_tags).
    """
    twin.network.train()
    on_gpu = twin.device.type == "cuda"
    optimizer = torch.optim.Adam(twin.network.parameters(), lr=1e-4, weight_decay=1e-4, fused=twin.tuned and on_gpu)
    before = torch.zeros(())

    def step(waveform: torch.Tensor, labels: torch.Tensor) -> float:
        nonlocal before
        optimizer.zero_grad()
        loss = focal(twin.logits(waveform), labels.to(twin.device, non_blocking=True))
        loss.backward()
        optimizer.step()
        ended, before = before, loss.detach()
        return ended.item()

    return step


def focal(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Focal loss, alpha 0.25, gamma 2: the sum over tags, the mean over the batch."""
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    alpha = 0.25 * labels + 0.75 * (1 - labels)
    return (alpha * (1 - torch.exp(-cross_entropy)) ** 2 * cross_entropy).sum(1).mean()


def scorer(twin: Twin, folded: bool = False) -> Callable[[torch.Tensor], np.ndarray]:
    """A function from a waveform (batch, samples) to scores (batch, num_tags), with batch norm folded if asked to."""
    twin.network.eval()
    if folded:
        for block in twin.network.blocks:
            block.fold()
    if twin.tuned:
        twin.network.to(memory_format=torch.channels_last)

    def score(waveform: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            return torch.sigmoid(twin.logits(waveform)).cpu().numpy()

    return score
