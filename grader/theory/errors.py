"""Each way of failing to read or to evaluate an answer has its own class and one sentence for the student."""

from __future__ import annotations


class ReadError(Exception):
    """The text could not be read. `column` counts the student's characters from 0; str() is a sentence."""

    kind = "unreadable"

    def __init__(self, sentence: str, column: int = 0) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.column = column


class EmptyAnswer(ReadError):
    """There is nothing to read."""

    kind = "empty"


class TooLong(ReadError):
    """More characters or tokens than any answer needs."""

    kind = "too_long"


class TooDeep(ReadError):
    """Brackets, fractions or exponents nested beyond the bound."""

    kind = "too_deep"


class TooLarge(ReadError):
    """More symbols and operations than any answer needs."""

    kind = "too_large"


class TooManyDigits(ReadError):
    """A literal number beyond the bound."""

    kind = "too_many_digits"


class ExponentTooLarge(ReadError):
    """A literal exponent or a tower of exponents beyond the bound."""

    kind = "exponent_too_large"


class UnknownCharacter(ReadError):
    """A character that has no meaning in mathematics as students write it."""

    kind = "unknown_character"


class UnknownCommand(ReadError):
    """A LaTeX command outside the vocabulary."""

    kind = "unknown_command"


class UnbalancedBracket(ReadError):
    """A bracket, brace or norm bar without its partner."""

    kind = "unbalanced_bracket"


class MissingOperand(ReadError):
    """An operator or command without what it applies to."""

    kind = "missing_operand"


class UnexpectedSymbol(ReadError):
    """A symbol in a place where the grammar has no use for it."""

    kind = "unexpected_symbol"


class UnknownSymbol(ReadError):
    """A name that the question does not know and the answer does not define."""

    kind = "unknown_symbol"


class UnknownWord(ReadError):
    """Prose in the place of mathematics."""

    kind = "unknown_word"


class CircularDefinition(ReadError):
    """Definitions that refer to themselves."""

    kind = "circular_definition"


class NoAnswer(ReadError):
    """Only definitions or prose: no member that could be the answer."""

    kind = "no_answer"


class UnsupportedForm(ReadError):
    """Mathematics that is understood but not evaluated by this grader."""

    kind = "unsupported_form"


class EvaluationError(Exception):
    """A tree has no value in a concrete model. str() is a sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class KindMismatch(EvaluationError):
    """A number added to a vector, a vector under a logarithm, …: no value for any reader."""


class Singular(EvaluationError):
    """A division by zero, the logarithm of zero, a root of a negative number at this point."""


class TooMuchWork(EvaluationError):
    """More steps than the bound allows."""


class ExtremeNumber(EvaluationError):
    """Numbers of such different size that the difference would not be seen."""


class NotEvaluated(EvaluationError):
    """No rule to evaluate this form here; the answer is not decided."""
