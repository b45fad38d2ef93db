"""Spellings → canonical names: what p_{data}, P_r and pr have in common, and which words are labels, not indices."""

from __future__ import annotations

ACCENTS = frozenset({"bar", "hat", "tilde", "dot", "check", "breve", "ring", "acute"})

LABEL_WORDS = frozenset({"theta", "phi", "psi", "Theta", "star", "prime", "omega", "vartheta"})
_LABEL_LETTERS = {"p": "rgGRdDfmMzxXq", "P": "rgGRdDfmMzxXq", "D": "GDgdop", "V": "GD", "x": "o", "s": "", "I": "dnDN",
                  "sigma": "qp", "mu": "qp", "V_": "", "C": "", "E": "", "L": ""}  # fmt: skip
_INDEX_WORDS = frozenset({"t", "s", "i", "j", "k", "n", "T", "tau", "l", "m", "d", "r", "u", "inf", "ell"})

_SAME = {
    "p_data": "p_r", "p_real": "p_r", "p_true": "p_r", "p_d": "p_r", "p_R": "p_r", "p_D": "p_r", "p_rdata": "p_r",
    "p_G": "p_g", "p_model": "p_g", "p_fake": "p_g", "p_gen": "p_g", "p_f": "p_g", "p_generator": "p_g",
    "p_generated": "p_g", "p_G_theta": "p_g", "p_g_theta": "p_g",
    "x_theta": "x_hat_theta", "epsilon_hat": "epsilon_theta", "epsilon_hat_theta": "epsilon_theta",
    "x_obs": "x_known", "x_o": "x_known", "x_observed": "x_known", "x_kn": "x_known", "x_Known": "x_known",
    "x_known_": "x_known", "s_hat_theta": "s_theta", "constant": "const", "Id": "I", "eye": "I", "identity": "I",
    "mu_hat": "mu_theta_", "Inf": "inf", "infinity": "inf", "oo": "inf", "pi_": "pi", "sigma_q": "sigma",
}  # fmt: skip


def is_label(base: str, value: str, *, roman: bool, last: bool) -> bool:
    """Is this word of a subscript part of the name (known, θ, r), and not an index (t, i)?"""
    if value in ACCENTS or value in LABEL_WORDS or value == "M":
        return True
    if value in _INDEX_WORDS and not (len(value) == 1 and value in _LABEL_LETTERS.get(base, "") and last):
        return roman and base in ("p", "P") and value in ("r", "d")
    if len(value) > 1:
        return True
    return (value in _LABEL_LETTERS.get(base, "") and last) or (roman and base not in ("x",))


def canonical(base: str, accents: tuple[str, ...], labels: tuple[str, ...]) -> str:
    """One name for all spellings of a symbol: base, accents, labels, joined by underscores."""
    marks = [a for a in accents if a != "vec"] + [a for a in labels if a in ACCENTS]
    words = [a for a in labels if a not in ACCENTS]
    if base == "P" and words:
        base = "p"
    if base == "D" and words:
        words = ["star"] if any(w in ("star", "opt", "optimal") for w in words) else words
        words = [w for w in words if w not in ("G", "g", "D", "theta", "phi", "psi", "omega")]
    if base == "I":
        words = []
    if base in ("x", "epsilon") and "hat" in marks and "phi" in words:
        words = ["theta" if w == "phi" else w for w in words]
    name = "_".join([base, *marks, *words])
    return _SAME.get(name, name)


def with_accent(name: str, accent: str) -> str:
    """The name with an accent on its base letter."""
    if accent == "vec":
        return name
    base, *rest = name.split("_")
    return canonical(base, (accent,), tuple(rest))


def with_labels(name: str, labels: tuple[str, ...]) -> str:
    """The name with further labels."""
    if not labels:
        return name
    base, *rest = name.split("_")
    return canonical(base, (), (*rest, *labels))


def base_of(name: str) -> str:
    """The letter that carries accents and labels."""
    return name.split("_", 1)[0]
