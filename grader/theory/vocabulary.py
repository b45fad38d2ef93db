"""Words, characters and commands that students use for the homework's mathematics: data for the tokenizer."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GREEK = _words(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi varpi rho "
    "varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi "
    "Psi Omega"
)

GREEK_LETTERS = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "ϑ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi",
    "ρ": "rho", "σ": "sigma", "ς": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "ϕ": "phi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi",
    "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip

SAME_NAME = {"varepsilon": "epsilon", "eps": "epsilon", "vartheta": "theta", "varphi": "phi", "varsigma": "sigma",
             "lam": "lambda", "betas": "beta", "alphas": "alpha", "sigmas": "sigma",
             "mask": "M", "Mask": "M"}  # fmt: skip

FUNCTIONS = {
    "log": "log", "ln": "log", "Log": "log", "Ln": "log", "exp": "exp", "Exp": "exp", "log10": "log10",
    "log2": "log2", "lg": "log10", "sigmoid": "sigmoid", "Sigmoid": "sigmoid", "sigm": "sigmoid",
    "expit": "sigmoid", "logistic": "sigmoid", "logit": "logit", "tanh": "tanh", "softplus": "softplus",
    "sqrt": "sqrt", "Sqrt": "sqrt", "abs": "abs", "sign": "sign", "sgn": "sign", "log1p": "log1p",
    "logsigmoid": "logsigmoid", "reciprocal": "reciprocal", "square": "square",
}  # fmt: skip

MODULES = frozenset(
    {"np", "numpy", "sp", "sympy", "sym", "smp", "math", "torch", "stats", "scipy", "jnp", "random", "distributions"}
)
"""Modules whose functions students call: np.sqrt is sqrt."""

SYMBOL_MAKERS = frozenset({"Function", "Symbol", "IndexedBase", "symbols"})
"""Calls of sympy that make a symbol from its quoted name."""

BIG_WORDS = {"sum": "sum", "Sum": "sum", "SUM": "sum", "prod": "prod", "Prod": "prod", "product": "prod",
             "Product": "prod", "PROD": "prod", "int": "int", "integral": "int", "Integral": "int", "integrate": "int",
             "nabla": "nabla", "grad": "nabla", "Grad": "nabla", "gradient": "nabla", "partial": "partial"}  # fmt: skip

DIVERGENCES = {"KL": "KL", "kl": "KL", "DKL": "KL", "Dkl": "KL", "KLD": "KL", "JS": "JSD", "JSD": "JSD",
               "jsd": "JSD", "js": "JSD", "DJS": "JSD", "DJSD": "JSD", "D_KL": "KL"}  # fmt: skip

NORMALS = frozenset({"Normal", "normal", "MultivariateNormal", "MVN", "Gaussian", "norm", "mvn"})

INTRODUCTIONS = _words(
    "where with let denote define using given for here and when since as by because whereas set writing defining "
    "letting setting denoting if Let Where With Here Define Denote Using For And Given assuming such"
)
"""Words that open a clause beside the answer."""

PROSE = _words(
    "the optimal discriminator answer is are final result mean posterior we get have has hence so therefore thus then "
    "that which equals equal of objective becomes become distribution score conditional it this its at be a an in to "
    "on our can expression value function loss minimax global minimum minimize minimizing minimise maximise maximize "
    "The We It Thus Hence Therefore So Then Answer This density densities data real generated generator model models "
    "weight schedule noise variance schedules mask masks binary observed entries all any every each "
    "identity matrix vector elementwise element wise Hadamard hadamard denotes denote coordinates "
    "component components i.e ie e.g eg jensen shannon divergence Jensen Shannon Kullback Leibler mixture average "
    "obtain obtained find found gives give yields yield simplifies simplify from above below standard gaussian "
    "Gaussian forward reverse process independent i.i.d iid integer steps step time natural logarithm base "
    "true fixed case plug plugging substitute substituting now finally result results also steps definition defined "
    "unknown same evaluated elements element posterior's samples sample random up "
    "lecture class notes slides handout paper homework shown derived required desired pointwise"
)
"""Words that may stand beside mathematics without changing it."""

KEPT_WORDS = (
    GREEK
    | frozenset(SAME_NAME)
    | frozenset(FUNCTIONS)
    | frozenset(BIG_WORDS)
    | frozenset(DIVERGENCES)
    | NORMALS
    | INTRODUCTIONS
    | _words(
        "ELBO VLB VLBO const constant diag Diag known obs observed data real model gen fake otherwise else inf range "
        "argmax argmin arg max min tr Tr Cov Var cov var std mean Unif known true opt unknown given KL softmax "
        "old new prior post kn ref cond ELBO_theta noise VLB loss simple the such that all"
    )
)
"""In LaTeX a run of letters is a product of letters, except these."""

OPERATORS = {
    "+": "+", "-": "-", "−": "-", "–": "-", "—": "-", "‐": "-", "﹣": "-", "*": "*", "∗": "*", "·": "*",
    "⋅": "*", "•": "*", "×": "*", "⊙": "⊙", "∘": "⊙", "⊗": "⊙", "○": "⊙", "/": "/", "÷": "/", "⁄": "/", "∕": "/",
    "^": "^", "_": "_", "(": "(", ")": ")", "[": "[", "]": "]", "{": "{", "}": "}", "⟨": "⟨", "⟩": "⟩", "|": "|",
    "∣": "|", "‖": "||", "∥": "||", "¦": "|", ",": ",", "،": ",", ";": ";", ":": ":", "=": "=", "≔": "=", "≡": "=",
    "≜": "=", "∝": "∝", "~": "~", "∼": "~", "≈": "≈", "≃": "≈", "≅": "≈", "≤": "≤", "⩽": "≤", "≥": "≥", "⩾": "≥",
    "<": "<", ">": ">", "≠": "≠", "∈": "∈", "→": "→", "⇒": "⇒", "⟹": "⇒", "⟶": "→", "∴": "⇒", "⇔": "⇔", "⟺": "⇔",
    "∉": "∉", "@": "*",
    "'": "'", "′": "'", "’": "'", ".": ".", "…": "…", "⋯": "…", "!": "!", "∀": "∀", "&": "&", "±": "±", "∓": "±",
    "?": "?", '"': '"', "“": '"', "”": '"', "‘": "'", "\n": "\n", "¶": "\n",
}  # fmt: skip

SYMBOL_NAMES = {"∑": ("big", "sum"), "∏": ("big", "prod"), "∫": ("big", "int"), "∇": ("nabla", "nabla"),
                "∂": ("partial", "partial"), "√": ("sqrt", "√"), "∞": ("name", "inf"),
                "∆": ("name", "Delta")}  # fmt: skip

FRACTIONS = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅛": (1, 8)}

SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓₕₖₗₘₙₚₛₜᵢⱼᵣᵤᵥ", "0123456789+-=()aeoxhklmnpstijruv", strict=True)) | {
    "ᵦ": "β", "ᵧ": "γ", "ᵨ": "ρ", "ᵩ": "φ", "﹍": "_"}  # fmt: skip
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵗⁿⁱᵀᵈ", "0123456789+-=()tniTd", strict=True)) | {"ᵃ": "a", "ˢ": "s"}

ACCENT_MARKS = {"\u0304": "bar", "\u0305": "bar", "\u0302": "hat", "\u0303": "tilde", "\u0307": "dot", "\u20d7": "vec",
                "\u0332": "vec", "\u0331": "vec"}  # fmt: skip

ACCENT_COMMANDS = {"bar": "bar", "overline": "bar", "widebar": "bar", "hat": "hat", "widehat": "hat",
                   "tilde": "tilde", "widetilde": "tilde", "vec": "vec", "dot": "dot", "check": "check",
                   "breve": "breve", "mathring": "ring", "underline": "vec", "acute": "acute"}  # fmt: skip

STYLE_COMMANDS = _words(
    "mathbf boldsymbol bm mathcal mathbb mathscr mathfrak mathit mathnormal pmb symbf bold mathbfit boldmath "
    "textbf textit emph textsl textcal mathord mathop mathrel mathbin ensuremath boxed fbox bf it cal bs vb "
    "textcolor_ cancel_ mathbbm mathds mathbfcal underbar smash mathclap mathrlap mathllap"
)
"""Commands that change the look of what follows, not its meaning."""

WORD_COMMANDS = _words(
    "mathrm text textrm operatorname mathsf textsf textnormal texttt mathtt mbox rm hbox sf "
                          "operatornamewithlimits textup mathup tt"
)  # fmt: skip
"""Commands whose content is a word, or prose."""

SPACE_COMMANDS = _words(
    ", ; : ! > / quad_ thinspace medspace thickspace enspace negthinspace displaystyle textstyle scriptstyle "
    "scriptscriptstyle limits nolimits left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr "
    "bigm Bigm biggm Biggm middle nonumber notag allowbreak noindent strut mathstrut hfill relax centering "
    "normalsize large small left_ par_ smallskip medskip bigskip protect"
)

COMMANDS = {
    "cdot": "*", "times": "*", "ast": "*", "cdotp": "*", "bullet": "*", "star": "*", "odot": "⊙", "circ": "⊙",
    "otimes": "⊙", "div": "/", "slash": "/", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "Vert": "||",
    "lVert": "||", "rVert": "||", "parallel": "||", "|": "||", "Vert_": "||", "lbrace": "(", "rbrace": ")",
    "{": "(", "}": ")", "lbrack": "[", "rbrack": "]", "lparen": "(", "rparen": ")", "langle": "⟨", "rangle": "⟩",
    "propto": "∝", "varpropto": "∝", "sim": "~", "approx": "≈", "simeq": "≈", "cong": "≈", "equiv": "=",
    "coloneqq": "=", "triangleq": "=", "doteq": "=", "eqdef": "=", "coloneq": "=", "le": "≤", "leq": "≤",
    "leqslant": "≤", "ge": "≥", "geq": "≥", "geqslant": "≥", "lt": "<", "gt": ">", "ne": "≠", "neq": "≠", "in": "∈",
    "notin": "∉", "dagger": "*",
    "to": "→", "rightarrow": "→", "longrightarrow": "→", "mapsto": "→", "Rightarrow": "⇒", "implies": "⇒",
    "Longrightarrow": "⇒", "therefore": "⇒", "iff": "⇔", "Leftrightarrow": "⇔", "Longleftrightarrow": "⇔",
    "prime": "'", "dots": "…", "ldots": "…", "cdots": "…", "dotsc": "…", "dotsb": "…", "dotsm": "…", "dotso": "…",
    "colon": ":", "forall": "∀", "newline": "\n", "\\": "\n", "cr": "\n", "par": "\n", "pm": "±", "mp": "±",
    "over": "over", "quad": "\u2003", "qquad": "\u2003", "lfloor": "⌊", "rfloor": "⌋", "vdots": "…", "_": "_", "&": "&",
    "stackrel_": "=", "gets": "=", "leftarrow": "=", "setminus": "∖", "cup": "∪", "backslash": "\\",
}  # fmt: skip

WORD_LIKE_COMMANDS = {
    "log": "log", "ln": "ln", "exp": "exp", "lg": "lg", "tanh": "tanh", "min": "min", "max": "max", "arg": "arg",
    "argmax": "argmax", "argmin": "argmin", "infty": "inf", "Pr": "Pr", "E": "E", "N": "N", "KL": "KL", "Tr": "Tr",
    "top": "⊤", "intercal": "⊤", "mathsfT": "⊤", "R": "R", "ell": "l", "sup": "sup", "inf": "infimum", "hslash": "h",
    "det": "det", "lim": "lim", "imath": "i", "jmath": "j", "Norm_": "N", "dd": "d", "diff": "d", "d": "d",
    "sigmoid": "sigmoid", "diag": "diag", "JSD": "JSD", "JS": "JS", "ELBO": "ELBO", "x": "x", "z": "z",
    "Reals": "R", "cdf": "cdf",
}  # fmt: skip

ENVIRONMENTS_DROPPED = _words(
    "equation equation* align align* aligned split gather gather* gathered multline multline* displaymath math "
    "flalign flalign* alignat alignedat eqnarray eqnarray* document center"
)

COMPOUND_WORDS = {
    "betabar": "beta ¯bar", "bbar": "beta ¯bar", "bb": "beta ¯bar", "barbeta": "beta ¯bar", "Bbar": "beta ¯bar",
    "beta_bar": "beta ¯bar", "alphabar": "alpha ¯bar", "abar": "alpha ¯bar", "ab": "alpha ¯bar",
    "baralpha": "alpha ¯bar", "betatilde": "beta ¯tilde", "btilde": "beta ¯tilde", "tildebeta": "beta ¯tilde",
    "mutilde": "mu ¯tilde", "muhat": "mu ¯hat", "xhat": "x ¯hat", "hatx": "x ¯hat", "x0hat": "x ¯hat _ 0",
    "xhat0": "x ¯hat _ 0", "epshat": "epsilon ¯hat", "x0": "x _ 0", "x1": "x _ 1", "xt": "x _ t", "xT": "x _ T",
    "xs": "x _ s", "xtm1": "x _ tm1", "xtminus1": "x _ tm1", "xt1": "x _ tm1", "tm1": "{ t - 1 }",
    "tminus1": "{ t - 1 }", "tp1": "{ t + 1 }", "Tm1": "{ T - 1 }", "pr": "p _ r", "pg": "p _ g",
    "pdata": "p _ data", "preal": "p _ r", "pgen": "p _ g", "pmodel": "p _ g", "pG": "p _ g", "Pr": "p _ r",
    "Pg": "p _ g", "xknown": "x _ known", "xk": "x _ known", "xobs": "x _ known", "stheta": "s _ theta",
    "xtheta": "x _ theta", "ptheta": "p _ theta", "epstheta": "epsilon _ theta", "betat": "beta _ t",
    "sigmat": "sigma _ t", "sigma2": "sigma ^ 2", "bt": "beta _ t", "bbt": "beta ¯bar _ t",
    "bbtm1": "beta ¯bar _ tm1", "dx": "d x", "dy": "d y", "dz": "d z", "du": "d u", "eps0": "epsilon _ 0",
    "ε0": "epsilon _ 0", "βbar": "beta ¯bar", "αbar": "alpha ¯bar", "σt": "sigma _ t", "βt": "beta _ t",
    "Dstar": "D ^ *", "Dopt": "D _ opt", "sθ": "s _ theta", "pθ": "p _ theta", "bbtminus1": "beta ¯bar _ tm1",
}  # fmt: skip
"""Words of plain text that stand for a symbol with accents and indices."""
