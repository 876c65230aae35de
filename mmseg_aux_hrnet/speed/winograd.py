"""3x3 convolutions with 4 times fewer multiply-adds, for prediction on a CPU."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

TILE = 4  # output pixels on a side, which take TILE + 2 input pixels
# With these interpolation points the error is one to three times that of the direct convolution, with the usual ones, 1
# and 2 and their negatives, ten times.
POINTS = (0.0, 0.75, -0.75, 1.5, -1.5)
BAND = 2**19  # transformed values that are worked on at a time: 2 MB stay in the cache of a core
WIDE = 72  # channels from which on it was faster at every measured size ...
UNEVEN = 32  # ... and from which on where channels fill no vectors of 16, which a direct convolution wants


class Transforms(NamedTuple):
    """Matrices of Winograd's F(4x4, 3x3), for the rows and columns of a tile at once, float64.

    Attributes:
        kernel: (36, 9), of the 9 weights.
        tile: (36, 36), of the 36 input pixels.
        output: (16, 36), of their 36 products.
    """

    kernel: Tensor
    tile: Tensor
    output: Tensor


def transforms(points: tuple[float, ...] = POINTS) -> Transforms:
    """Return the matrices for these interpolation points and infinity, by Cook and Toom.

    A kernel and a tile are polynomials; their product is known from its values at as many points as it has coefficients
    (Lavin and Gray, arXiv 1509.09308; Barabasz et al., arXiv 1803.10986, on the choice of points).
    """
    at = torch.tensor(points, dtype=torch.float64)
    count = len(points) + 1
    kernel, tile = torch.zeros(count, 3).double(), torch.zeros(count, count).double()
    output = torch.zeros(TILE, count).double()
    for row, point in enumerate(at):
        others = torch.cat([at[:row], at[row + 1 :]])
        kernel[row] = point ** torch.arange(3) / (point - others).prod()
        tile[row, :-1] = _polynomial(others)
        output[:, row] = point ** torch.arange(TILE)
    kernel[-1, -1] = output[-1, -1] = 1  # infinity sees the highest coefficient
    tile[-1] = _polynomial(at)
    return Transforms(*(torch.kron(matrix, matrix) for matrix in (kernel, tile, output)))


def _polynomial(roots: Tensor) -> Tensor:
    """Return the coefficients of the product of all (x - root), the constant one first."""
    coefficients = torch.ones(1).double()
    for root in roots:
        zero = torch.zeros(1).double()
        coefficients = torch.cat([zero, coefficients]) - root * torch.cat([coefficients, zero])
    return coefficients


class WinogradConv2d(nn.Module):
    """A 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3); it holds 4 times as many weights.

    Tiles of 6x6 pixels, 4 apart, and the kernel are transformed; all products of a position within the tile are one
    product of matrices over tiles and channels; its results are transformed to 4x4 output pixels.

    Args:
        conv: a convolution that :func:`suits`.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        matrices = transforms()
        weight = conv.weight.detach()
        kernel = torch.einsum('pk,dck->pcd', matrices.kernel, weight.double().flatten(2))
        self.kernel = nn.Parameter(kernel.to(weight.dtype).contiguous(), requires_grad=False)
        self.bias = nn.Parameter(
            weight.new_zeros(len(weight)) if conv.bias is None else conv.bias.detach(), requires_grad=False
        )
        self.tile_transform: Tensor
        self.output_transform: Tensor
        self.register_buffer('tile_transform', matrices.tile.to(weight.dtype))
        self.register_buffer('output_transform', matrices.output.to(weight.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of ``x``, float (N, C, H, W), as float (N, D, H, W) in ``channels_last``."""
        with torch.autocast(x.device.type, enabled=False):  # the transforms need all digits
            return self._convolved(x.to(self.kernel.dtype))

    def _convolved(self, x: Tensor) -> Tensor:
        images, channels, height, width = x.shape
        down, across = -(-height // TILE), -(-width // TILE)
        padded = x.new_zeros(images, down * TILE + 2, across * TILE + 2, channels)
        padded[:, 1 : height + 1, 1 : width + 1] = x.permute(0, 2, 3, 1)
        out = x.new_empty(images, down * TILE, across * TILE, len(self.bias))
        band = max(BAND // (len(self.kernel) * across * channels), 1) * TILE
        for image, result in zip(padded, out, strict=True):  # one by one: an image gives the same bits in any batch
            for top in range(0, down * TILE, band):
                self._convolve(image[top : top + band + 2], result[top : top + band])
        return out[:, :height, :width].permute(0, 3, 1, 2)

    def _convolve(self, padded: Tensor, out: Tensor) -> None:
        """Fill ``out``, (4 T, 4 U, D), from the padded input, (4 T + 2, 4 U + 2, C)."""
        tiles = padded.unfold(0, TILE + 2, TILE).unfold(1, TILE + 2, TILE)  # (T, U, C, 6, 6)
        down, across, channels = tiles.shape[:3]
        positions = tiles.permute(3, 4, 0, 1, 2).reshape(len(self.tile_transform), -1)
        transformed = (self.tile_transform @ positions).view(len(positions), -1, channels)
        products = torch.bmm(transformed, self.kernel)
        pixels = (self.output_transform @ products.flatten(1)).view(TILE, TILE, down, across, -1)
        torch.add(pixels.permute(2, 0, 3, 1, 4), self.bias, out=out.view(down, TILE, across, TILE, -1))


def suits(conv: nn.Module) -> bool:
    """Say whether a convolution can be done this way, and is wide enough to be faster so."""
    if type(conv) is not nn.Conv2d or (conv.groups, conv.padding_mode) != (1, 'zeros'):
        return False
    if (conv.kernel_size, conv.stride, conv.padding, conv.dilation) != ((3, 3), (1, 1), (1, 1), (1, 1)):
        return False
    channels = min(conv.in_channels, conv.out_channels)
    return channels >= WIDE or (channels >= UNEVEN and channels % 16 > 0)


def use_winograd(model: nn.Module) -> None:
    """Replace every convolution of ``model`` that suits, in place."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and suits(child):
                setattr(module, name, WinogradConv2d(child))
