"""Untrusted side: the little of torchvision and tqdm that this kind of homework calls, without either installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch


class Compose:
    """torchvision.transforms.Compose."""

    def __init__(self, transforms: Iterable[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image


class ToTensor:
    """Images (H, W) or (H, W, C), uint8 in 0..255, to (C, H, W) in [0, 1]; others keep their values."""

    def __call__(self, image: Any) -> torch.Tensor:
        if isinstance(image, torch.Tensor):
            return image
        array = np.asarray(image)
        array = array[:, :, None] if array.ndim == 2 else array
        tensor = torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
        return tensor.to(torch.get_default_dtype()) / 255 if array.dtype == np.uint8 else tensor


class Normalize:
    """Channelwise (x − mean) / std."""

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        self.mean, self.std = torch.as_tensor(mean), torch.as_tensor(std)

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        mean, std = self.mean.to(image), self.std.to(image)
        return (image - mean.reshape(-1, 1, 1)) / std.reshape(-1, 1, 1)


class Lambda:
    """Any function as a transform."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, image: Any) -> Any:
        return self.function(image)


def make_grid(tensor: Any, nrow: int = 8, padding: int = 2, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Images (N, C, H, W) as one picture (3, rows·(H + padding) + padding, ...)."""
    images = torch.stack(list(tensor)) if not isinstance(tensor, torch.Tensor) else tensor
    images = images.reshape(-1, *images.shape[-3:]) if images.dim() > 2 else images.reshape(1, 1, *images.shape)
    images = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = -(-count // columns)
    grid = images.new_zeros(channels, rows * (height + padding) + padding, columns * (width + padding) + padding)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = padding + row * (height + padding), padding + column * (width + padding)
        grid[:, top : top + height, left : left + width] = image.detach()
    return grid


def save_image(*args: Any, **kwargs: Any) -> None:
    """Pictures are not kept."""


class tqdm:
    """A progress bar that shows nothing."""

    def __init__(self, iterable: Iterable[Any] | None = None, *args: Any, total: int | None = None, **kw: Any) -> None:
        self.iterable = iterable
        self.total = total
        self.n = 0

    def __iter__(self) -> Iterator[Any]:
        for item in self.iterable or ():
            yield item
            self.n += 1

    def __len__(self) -> int:
        return self.total if self.total is not None else len(self.iterable)  # type: ignore[arg-type]

    def __enter__(self) -> tqdm:
        return self

    def __exit__(self, *args: object) -> None:
        return None

    def update(self, n: int = 1) -> None:
        """Count ``n`` more."""
        self.n += n

    def _nothing(self, *args: Any, **kwargs: Any) -> None:
        return None

    set_description = set_description_str = set_postfix = set_postfix_str = close = refresh = clear = reset = _nothing

    @staticmethod
    def write(text: object = "", *args: Any, **kwargs: Any) -> None:
        """Print a line."""
        print(text)


def trange(*args: int, **kwargs: Any) -> tqdm:
    """tqdm(range(...))."""
    return tqdm(range(*args), **kwargs)


_TRANSFORMS = {"Compose": Compose, "ToTensor": ToTensor, "Normalize": Normalize, "Lambda": Lambda}
_UTILS = {"make_grid": make_grid, "save_image": save_image}
_BAR = {"tqdm": tqdm, "trange": trange, "tqdm_notebook": tqdm, "tnrange": trange}

CONTENTS: dict[str, dict[str, Any]] = {
    "torchvision.transforms": _TRANSFORMS,
    "torchvision.utils": _UTILS,
    **dict.fromkeys(("tqdm", "tqdm.auto", "tqdm.notebook", "tqdm.std", "tqdm.autonotebook", "tqdm.contrib"), _BAR),
}
