"""A tree as plain unicode text: what `grader read` shows and what a judgement quotes."""

from __future__ import annotations

from fractions import Fraction

from grader.theory import tree as t

_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "theta": "θ", "lambda": "λ", "mu": "μ",
          "sigma": "σ", "phi": "φ", "psi": "ψ", "pi": "π", "eta": "η", "xi": "ξ", "tau": "τ", "omega": "ω", "nu": "ν",
          "rho": "ρ", "Sigma": "Σ", "Delta": "Δ", "inf": "∞", "chi": "χ", "kappa": "κ", "zeta": "ζ"}  # fmt: skip
_MARKS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303", "dot": "\u0307"}
_SUB = str.maketrans("0123456789+-tisjkn", "₀₁₂₃₄₅₆₇₈₉₊₋ₜᵢₛⱼₖₙ")
_SUP = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")

_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4


def typeset(node: t.Node) -> str:
    """The formula in one line of unicode text, with every grouping of the reading made visible."""
    return _text(node)[0]


def symbol_name(name: str) -> str:
    """β̄, x_known, D*."""
    base, *rest = name.split("_")
    text = _GREEK.get(base, base)
    for part in rest:
        if part in _MARKS:
            text += _MARKS[part]
        elif part == "star":
            text += "*"
        elif part == "prime":
            text += "′"
        elif part:
            text += "_" + _GREEK.get(part, part)
    return text


def _index(index: tuple[t.Node, ...], name: str) -> str:
    if not index:
        return ""
    text = ",".join(typeset(i) for i in index).replace(" ", "").replace("−", "-")
    if all(c in "0123456789+-tisjkn" for c in text) and "_" not in name:
        return text.translate(_SUB)
    text = text.replace("-", "−")
    return f"_{text}" if len(text) == 1 else f"_{{{text}}}"


def _wrapped(node: t.Node, level: int) -> str:
    text, own = _text(node)
    return text if own >= level else f"({text})"


def _number(value: Fraction) -> tuple[str, int]:
    if value.denominator == 1:
        return str(value), _ATOM if value >= 0 else _SUM
    return f"{value.numerator}/{value.denominator}", _PRODUCT


def _text(node: t.Node) -> tuple[str, int]:
    match node:
        case t.Num(value):
            return _number(value)
        case t.Sym(name, index):
            return symbol_name(name) + _index(index, name), _ATOM
        case t.Range(low, high):
            return f"{typeset(low)}:{typeset(high)}", _ATOM
        case t.Call(name, args, given, index):
            inside = ", ".join(typeset(a) for a in args)
            if given:
                inside += " | " + ", ".join(typeset(a) for a in given)
            if name == "law":
                return inside, _ATOM
            return f"{symbol_name(name)}{_index(index, name)}({inside})", _ATOM
        case t.Fun("sqrt", arg):
            return f"√{_wrapped(arg, _ATOM)}" if isinstance(arg, t.Sym) else f"√({typeset(arg)})", _ATOM
        case t.Fun("sigmoid", arg):
            return f"sigmoid({typeset(arg)})", _ATOM
        case t.Fun(name, arg):
            return f"{name}({typeset(arg)})", _ATOM
        case t.Neg(arg):
            return f"−{_wrapped(arg, _PRODUCT)}", _SUM
        case t.Add(terms):
            out = typeset(terms[0])
            for term in terms[1:]:
                if isinstance(term, t.Neg):
                    out += f" − {_wrapped(term.arg, _PRODUCT)}"
                else:
                    out += f" + {_wrapped(term, _PRODUCT)}"
            return out, _SUM
        case t.Mul(factors, op):
            sign = " ⊙ " if op == "⊙" else "·"
            return sign.join(_wrapped(f, _PRODUCT if not _ends_in_quotient(f) else _ATOM) for f in factors), _PRODUCT
        case t.Div(top, bottom):
            return f"{_wrapped(top, _PRODUCT)}/{_wrapped(bottom, _POWER)}", _PRODUCT
        case t.Pow(base, exponent):
            raised = typeset(exponent).replace(" ", "")
            if all(c in "0123456789+-−" for c in raised):
                return f"{_wrapped(base, _ATOM)}{raised.translate(_SUP)}", _POWER
            return f"{_wrapped(base, _ATOM)}^({raised})", _POWER
        case t.Big(kind, var, low, high, body):
            sign = "∑" if kind == "sum" else "∏"
            return f"{sign}_{{{var}={typeset(low)}..{typeset(high)}}} {_wrapped(body, _PRODUCT)}", _PRODUCT
        case t.Integral(var, body):
            return f"∫ {_wrapped(body, _PRODUCT)} d{typeset(var)}", _PRODUCT
        case t.Binder(var, law):
            return typeset(law) if var is None else f"{typeset(var)}∼{typeset(law)}", _ATOM
        case t.Expect(under, body):
            subscript = ", ".join(typeset(b) for b in under)
            return f"E_{{{subscript}}}[{typeset(body)}]" if subscript else f"E[{typeset(body)}]", _ATOM
        case t.Divergence(kind, p, q):
            inside = typeset(p) if q is None else f"{typeset(p)} ‖ {typeset(q)}"
            return f"{kind}({inside})", _ATOM
        case t.Norm(arg, order) if order == t.BARS:
            return f"|{typeset(arg)}|", _ATOM
        case t.Norm(arg, order):
            return f"‖{typeset(arg)}‖" + ("" if order == "2" else f"_{order}"), _ATOM
        case t.Inner(left, right):
            return f"⟨{typeset(left)}, {typeset(right)}⟩", _ATOM
        case t.Transpose(arg):
            return f"{_wrapped(arg, _ATOM)}ᵀ", _POWER
        case t.Diag(arg):
            return f"diag({typeset(arg)})", _ATOM
        case t.Grad(wrt, body):
            return f"∇_{{{typeset(wrt)}}} {_wrapped(body, _POWER)}", _PRODUCT
        case t.Component(base, index):
            return f"[{typeset(base)}]{_index((index,), '')}", _ATOM
        case t.Gauss(mean, spread, variate, deviation):
            front = f"{typeset(variate)}; " if variate is not None else ""
            label = "deviation " if deviation else ""
            return f"N({front}{typeset(mean)}, {label}{typeset(spread)})", _ATOM
        case t.Branch(value, left, right, relation):
            if left is None or right is None:
                return f"{typeset(value)} otherwise", _SUM
            return f"{typeset(value)} if {typeset(left)} {relation} {typeset(right)}", _SUM
        case t.Cases(branches):
            return "{" + "; ".join(typeset(b) for b in branches) + "}", _ATOM


def _ends_in_quotient(node: t.Node) -> bool:
    return isinstance(node, t.Div) or (isinstance(node, t.Num) and node.value.denominator != 1)
