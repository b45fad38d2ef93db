"""The classic mistakes in the layers of DNet and GNet, as options of gan_networks.py: one mistake a line."""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deviation:
    """One mistake in a network: its name, the options that reproduce it, the student's sentence."""

    name: str
    options: Options
    sentence: str


def _slopes(values: Sequence[float]) -> list[Deviation]:
    return [
        Deviation(
            f"leaky_relu_slope_{value:g}",
            {"act": f"leaky:{value}"},
            f"negative values look multiplied by {value:g} in the LeakyReLU layers; the table asks for another slope",
        )
        for value in values
    ]


_ORDINAL = {1: "first", 2: "second", 3: "third"}

DNET: tuple[Deviation, ...] = (
    Deviation("sigmoid_at_the_end", {"end": "sigmoid"}, "a sigmoid is applied at the end; a logit is asked"),
    Deviation("average_pooling", {"pool": "average"}, "the pooling averages; the table asks for the maximum"),
    Deviation("overlapping_pooling", {"pool": "overlapping"}, "the pooling windows overlap (kernel 3); kernel 2 is asked"),
    Deviation("no_pooling", {"pool": "subsample"}, "every second pixel is taken where the table asks for max pooling"),
    *(
        Deviation(f"no_relu_{i}", {f"act{i}": "none"}, f"no ReLU acts after the {_ORDINAL[i]} convolution")
        for i in (1, 2, 3)
    ),
    *(
        Deviation(f"average_pooling_{i}", {f"pool{i}": "average"}, f"the {_ORDINAL[i]} pooling averages; it takes the maximum in the table")
        for i in (1, 2)
    ),
    Deviation("no_activation", {"act": "none"}, "no activation acts between the layers; the table has a ReLU after each convolution"),
    *(
        Deviation(f"leaky_relu_{slope}", {"act": f"leaky:{slope}"}, f"negative values pass with the slope {slope}; the table asks for ReLU")
        for slope in ("0.2", "0.01", "0.1")
    ),
    *(
        Deviation(f"{name}_for_relu", {"act": name}, f"the activation is {label}; the table asks for ReLU")
        for name, label in (("tanh", "tanh"), ("sigmoid", "a sigmoid"), ("gelu", "GELU"), ("elu", "ELU"), ("silu", "SiLU"), ("softplus", "Softplus"), ("relu6", "ReLU6"))
    ),
    *(
        Deviation(f"leaky_relu_0.2_after_{i}", {f"act{i}": "leaky:0.2"}, f"LeakyReLU acts after the {_ORDINAL[i]} convolution; the table asks for ReLU")
        for i in (1, 2, 3)
    ),
    *(
        Deviation(f"{mode}_padding", {"padding": mode}, f"the convolutions pad with the mode {mode!r}; zero padding is asked")
        for mode in ("reflect", "replicate", "circular")
    ),
    Deviation("instance_norm", {"norm1": "yes"}, "the features are normalised for each image after the first convolution"),
    Deviation("instance_norm~2", {"norm1": "yes", "norm2": "yes"}, "the features are normalised for each image"),
    Deviation("flatten_order", {"flatten": "channels_last"}, "the features are flattened in another order (channels last)"),
    Deviation("relu_at_the_end", {"end": "relu"}, "a ReLU acts on the output; a logit can be negative"),
    Deviation("leaky_relu_at_the_end", {"end": "leaky"}, "a LeakyReLU acts on the output; the table ends with the linear layer"),
    Deviation("tanh_at_the_end", {"end": "tanh"}, "a tanh is applied at the end; a logit is asked"),
    Deviation("logsigmoid_at_the_end", {"end": "logsigmoid"}, "log-sigmoid is applied at the end; a logit is asked"),
    Deviation("softmax_at_the_end", {"end": "softmax"}, "softmax over one output is always 1; a logit is asked"),
    Deviation("softplus_at_the_end", {"end": "softplus"}, "a Softplus is applied at the end; a logit is asked"),
    Deviation("negative_logit", {"end": "negative"}, "the logit has the opposite sign"),
    Deviation("rescaled_input", {"input": "rescaled"}, "the images are rescaled to [−1, 1] inside the network; pixels are in [0, 1]"),
    Deviation("centred_input", {"input": "centred"}, "½ is subtracted from the images inside the network; pixels are in [0, 1]"),
)  # fmt: skip

GNET: tuple[Deviation, ...] = (
    *_slopes((0.01, 0.1, 0.02, 0.3, 0.5)),
    Deviation("relu_for_leaky_relu", {"act": "relu"}, "negative values become 0: a ReLU where the table has LeakyReLU"),
    Deviation("no_sigmoid", {"end": "none"}, "no sigmoid acts at the end: the outputs are not in (0, 1)"),
    Deviation("tanh_at_the_end", {"end": "tanh"}, "the output passes a tanh: it lies in (−1, 1), pixels are in [0, 1]"),
    Deviation("shifted_tanh", {"end": "shifted_tanh"}, "the output passes a shifted tanh; the table asks for a sigmoid"),
    Deviation("double_sigmoid", {"end": "double_sigmoid"}, "the output passes two sigmoids, so that it lies in (½, 0.73)"),
    Deviation("tanh_before_sigmoid", {"end": "sigmoid_tanh"}, "a tanh acts before the sigmoid at the end"),
    Deviation("leaky_relu_before_sigmoid", {"end": "leaky_then_sigmoid"}, "a LeakyReLU acts before the sigmoid at the end; the last convolution has none in the table"),
    Deviation("relu_before_sigmoid", {"end": "relu_then_sigmoid"}, "a ReLU acts before the sigmoid at the end: no pixel can be below ½"),
    Deviation("relu_at_the_end", {"end": "relu"}, "the output passes a ReLU; the table asks for a sigmoid"),
    Deviation("clamped_output", {"end": "clamp"}, "the output is clamped to [0, 1]; the table asks for a sigmoid"),
    Deviation("hard_sigmoid", {"end": "hardsigmoid"}, "the output passes a hard sigmoid; the table asks for a sigmoid"),
    Deviation("bilinear_upsampling", {"upsample": "bilinear"}, "the upsampling interpolates (bilinear); nearest is asked"),
    Deviation("aligned_bilinear_upsampling", {"upsample": "aligned"}, "the upsampling interpolates (bilinear, aligned corners); nearest is asked"),
    Deviation("bicubic_upsampling", {"upsample": "bicubic"}, "the upsampling interpolates (bicubic); nearest is asked"),
    Deviation("zeros_between_pixels", {"upsample": "zeros"}, "the upsampling puts zeros between the pixels; nearest is asked"),
    Deviation("upsampling_after_convolution", {"after": "yes"}, "the upsampling follows the convolution; in the table it comes before"),
    *(
        Deviation(f"upsampling_after_convolution_{i}", {f"after{i}": "yes"}, f"the {_ORDINAL[i]} upsampling follows its convolution; in the table it comes before")
        for i in (1, 2)
    ),
    *(
        Deviation(f"no_activation_{i}", {f"act{i}": "none"}, f"no LeakyReLU acts after {place}")
        for i, place in ((1, "the linear layer"), (2, "the first convolution"), (3, "the second convolution"))
    ),
    *(
        Deviation(f"relu_{i}", {f"act{i}": "relu"}, f"a ReLU acts after {place}; the table has LeakyReLU")
        for i, place in ((1, "the linear layer"), (2, "the first convolution"), (3, "the second convolution"))
    ),
    *(
        Deviation(f"leaky_relu_slope_{slope}_after_{i}", {f"act{i}": f"leaky:{slope}"}, f"negative values look multiplied by {slope} after {place}; the table asks for another slope")
        for slope in ("0.01", "0.1")
        for i, place in ((1, "the linear layer"), (2, "the first convolution"), (3, "the second convolution"))
    ),
    Deviation("no_activation", {"act": "none"}, "no activation acts between the layers"),
    *(
        Deviation(f"{name}_for_leaky_relu", {"act": name}, f"the activation is {label}; the table asks for LeakyReLU")
        for name, label in (("tanh", "tanh"), ("gelu", "GELU"), ("elu", "ELU"), ("silu", "SiLU"), ("softplus", "Softplus"), ("sigmoid", "a sigmoid"))
    ),
    Deviation("reshape_channels_last", {"reshape": "channels_last"}, "the 1568 features are read as (7, 7, 32); the table asks for (32, 7, 7)"),
    Deviation("reshape_transposed", {"reshape": "transposed"}, "rows and columns of the 7 × 7 maps are exchanged in the reshape"),
    *(
        Deviation(f"{mode}_padding", {"padding": mode}, f"the convolutions pad with the mode {mode!r}; zero padding is asked")
        for mode in ("reflect", "replicate", "circular")
    ),
)  # fmt: skip
