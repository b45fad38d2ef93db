"""The bench of a theory check: what the student wrote for one question, from answers.toml or from a write-up."""

from __future__ import annotations

from dataclasses import dataclass

from grader.model import Failure, Question
from grader.submission import Submission
from grader.theory.answer_text import Answers, AnswersError, AnswerText

ANSWERS = "answers.toml"


@dataclass(frozen=True, slots=True)
class TheoryBench:
    """What a theory measurement may use."""

    question: Question
    answer: AnswerText | None
    """What was written for the question's item; None when nothing was."""
    problem: Failure | None
    """Why there are no answers at all: no file, or one that cannot be read."""

    @property
    def item(self) -> str:
        """The handout's item: '2.3' for the topic '2.3.beta_bar'."""
        topic = self.question.topic or self.question.number
        return ".".join(topic.split(".")[:2])


class Desk:
    """The submission's theory, read once."""

    def __init__(self, submission: Submission) -> None:
        self.notes: list[str] = []
        self._problem: Failure | None = None
        self._answers: tuple[Answers, ...] = self._read(submission)

    def bench(self, question: Question) -> TheoryBench:
        """The bench of one question."""
        item = ".".join((question.topic or question.number).split(".")[:2])
        found = [a for answers in self._answers if (a := answers.get(item)) is not None and not a.empty]
        return TheoryBench(question, found[0] if found else None, self._problem)

    def _read(self, submission: Submission) -> tuple[Answers, ...]:
        """Every source of answers, answers.toml first; a broken one is noted and the others still count."""
        from grader.theory.answers_file import read_answers_toml
        from grader.theory.writeup import read_writeup

        read: list[Answers] = []
        problems: list[str] = []
        sources = [(ANSWERS, submission.text(ANSWERS))] if submission.text(ANSWERS) is not None else []
        sources += submission.writeups()
        for name, text in sources:
            assert text is not None
            try:
                answers = read_answers_toml(text, name) if name == ANSWERS else read_writeup(text, name)
            except AnswersError as error:
                problems.append(str(error))
                continue
            read.append(answers)
            self.notes.extend(answers.notes)
        self.notes.extend(problems)
        if problems and not read:
            self._problem = Failure("syntax", problems[0])
        elif not read:
            sentence = "No answers were found: hand in answers.toml, or a write-up as a .tex or .md file."
            self._problem = Failure("missing_file", sentence)
        return tuple(read)
