"""What reading a text gives: members, statements, definitions, and the statement that is the answer."""

from __future__ import annotations

from dataclasses import dataclass

from grader.theory import tree as t
from grader.theory.definitions import Definition
from grader.theory.errors import NoAnswer, ReadError
from grader.theory.typesetting import typeset


@dataclass(frozen=True, slots=True)
class Member:
    """One side of a relation, as written and as read."""

    text: str
    start: int
    end: int
    node: t.Node | None
    error: ReadError | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A chain of members: a = b ≤ c. A lone expression is a chain of one."""

    members: tuple[Member, ...]
    relations: tuple[str, ...]
    intro: str = ""
    """The word or arrow that opened it: where, with, ⇒, …"""
    role: str = "answer"
    """answer, definition, condition or prose."""

    @property
    def left(self) -> t.Node | None:
        """The left side; None where a lone expression stands, or where it could not be read."""
        return self.members[0].node if len(self.members) > 1 else None

    @property
    def final(self) -> Member:
        return self.members[-1]


@dataclass(frozen=True, slots=True)
class Context:
    """The homework question an expression stands in, and what the student has defined so far."""

    question: str
    definitions: tuple[Definition, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text was understood."""

    question: str
    lang: str
    text: str
    statements: tuple[Statement, ...]
    definitions: tuple[Definition, ...]
    answers: tuple[Statement, ...]
    """Statements whose last member could be the final answer; usually one."""
    conditional: bool = False
    """Is the answer stated only under a condition (“if p_g = p_r”)?"""

    @property
    def context(self) -> Context:
        return Context(self.question, self.definitions)

    @property
    def answer(self) -> t.Node:
        """The final answer. Raises the member's ReadError when it could not be read."""
        member = self.answers[0].final
        if member.node is None:
            raise member.error or NoAnswer("The answer could not be read.", member.start)
        return member.node

    @property
    def typeset(self) -> str:
        """The whole reading as plain text."""
        lines = [_chain(s) for s in self.answers]
        lines += [typeset_definition(d) for d in self.definitions]
        return "; ".join(line for line in lines if line)


def _chain(statement: Statement) -> str:
    parts = []
    for place, member in enumerate(statement.members):
        parts.append(typeset(member.node) if member.node is not None else f"«{member.text}»")
        if place < len(statement.relations):
            parts.append(f" {statement.relations[place]} ")
    return "".join(parts)


def typeset_definition(definition: Definition) -> str:
    """A definition as the reader understood it."""
    relation = "∼" if definition.law else "="
    return f"with {typeset(definition.lhs)} {relation} {typeset(definition.body)}"
