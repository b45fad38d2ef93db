"""Every limit on what is read and on the work an answer may cause. A limit reached is a refusal, never a hang."""

MAX_LENGTH = 20_000
"""Characters of one answer: ten times the longest real derivation line, and read in a few milliseconds."""

MAX_TOKENS = 6_000
"""Tokens of one answer."""

MAX_DEPTH = 48
"""Nesting of brackets, fractions, roots and exponents: real answers stay below 12; Python's own stack is far away."""

MAX_TREE_DEPTH = 150
"""Levels of one tree: a long quotient a/b/c/… nests without brackets."""

MAX_NODES = 1_500
"""Nodes of one tree, definitions included."""

MAX_DIGITS = 30
"""Digits of one literal number."""

MAX_EXPONENT = 64
"""Largest integer exponent of a literal power."""

MAX_TOWER = 3
"""Height of a^b^c^…"""

MAX_STATEMENTS = 400
"""Statements and members of one text."""

MAX_DEFINITIONS = 40
"""Definitions that one text may declare."""

MAX_RANGE = 64
"""Terms of one sum or product in a concrete model; T is below 8 there."""

MAX_EVALUATION_STEPS = 20_000
"""Nodes visited while one tree is evaluated in one model: bounds nested sums, products and expectations."""

MAX_JOINT = 3
"""Variables that one expectation may bind."""

MAX_DEFINITION_DEPTH = 24
"""Definitions that refer to definitions; also what stops a circular one."""

TIME_LIMIT_S = 2.0
"""Wall-clock limit of one answer, kept by a killable process; the bounds above make it a last resort."""
