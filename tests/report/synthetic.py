"""Reports made by hand, for tests of renderings: every outcome, every kind of evidence, hostile text."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from grader.model import Evidence, Failure, Outcome, Question, QuestionResult, Report, Verdict

SECRET = "REFERENCE_VALUE_4711"
HOSTILE = "<script>alert('x')</script><img src=http://evil.example/x.png onerror=alert(1)>"
RIGHT = {"answer": r"\frac{p_r(x)}{p_r(x)+p_g(x)}", "reading": "p_r(x)/(p_r(x) + p_g(x))", "proof": SECRET}
PROSE = f"Because $D(G(z)) \\to 0$. {HOSTILE}"
OURS = Failure("grader", SECRET, detail=SECRET)
THEIRS = Failure("exception", "It raised.", "hw5_gan.py:3", f"Traceback: {HOSTILE}")


def result(
    number: str,
    outcome: Outcome,
    *,
    points: str = "0",
    awaiting: str = "0",
    worth: str = "2",
    check: str = "theory.result",
    message: str = "",
    visibility: str = "visible",
    evidence: Evidence | None = None,
) -> QuestionResult:
    question = Question(
        number, f"Title of {number}", Fraction(worth), check, visibility=visibility, hint=f"Hint {number}"
    )  # type: ignore[arg-type]
    verdict = Verdict(outcome, Fraction(points), Fraction(awaiting), None, (), message, ("A note.",))
    return QuestionResult(question, verdict, evidence or Evidence(check))


def report(*results: QuestionResult, notes: tuple[str, ...] = ()) -> Report:
    return Report(
        title="Homework 5",
        track="ddpm",
        origin="submission.zip",
        digest="ab" * 32,
        results=results,
        isolation=("user drop", "seccomp"),
        notes=notes,
        seconds=12.5,
    )


def full_report() -> Report:
    """One question of every outcome, one of every kind of evidence."""
    rng = np.random.default_rng(3)
    grid = rng.normal(size=(100, 2))
    return report(
        result("1.1.result", "passed", points="2", evidence=Evidence("theory.result", RIGHT)),
        result(
            "2.5.result",
            "failed",
            message="The mask multiplies only x_known.",
            evidence=Evidence(
                "theory.result",
                {
                    "answer": r"s_\theta(x,\delta) - 2(x - x_{\mathrm{known}} \odot M)",
                    "reading": "s_θ(x, δ) − 2 (x − x_known ⊙ M)",
                    "counterexample": {"point": {"x": 0.5, "M": [0, 1]}, "student": 1.25, "right": SECRET},
                    "hidden_input": SECRET,
                },
            ),
        ),
        result(
            "2.4.steps",
            "partial",
            points="0.5",
            worth="1",
            check="theory.steps",
            evidence=Evidence(
                "theory.steps",
                {
                    "steps": [
                        {"text": r"q(x_{t-1}|x_t,x_0) \propto \exp(-r)", "status": "follows", "message": ""},
                        {"text": r"= \exp(+r)", "status": "wrong", "message": "The exponent lacks its minus."},
                        {"text": r"\unknowncommand{x}", "status": "undecided", "message": "Not read."},
                    ]
                },
            ),
        ),
        result("1.3", "needs_review", awaiting="1", worth="1", evidence=Evidence("theory.free_text", {"text": PROSE})),
        result("4.1", "skipped", message="Not measured, because it needs gan.dnet, which failed."),
        result("4.2", "grader_error", awaiting="2", evidence=Evidence("gan.gnet", failures={"all": OURS})),
        result(
            "4.5",
            "failed",
            message=HOSTILE,
            evidence=Evidence("gan.generator_loss", output=HOSTILE, failures={"all": THEIRS}),
        ),
        result(
            "5.9",
            "passed",
            points="2",
            check="ddpm.training",
            evidence=Evidence(
                "ddpm.training",
                {"energy_distance": 0.01},
                {
                    "picture.data": grid,
                    "picture.samples.step_400": grid * 1.1,
                    "picture.trajectory": rng.normal(size=(2, 50, 2)).cumsum(1),
                    "picture.score_field": np.concatenate([grid, -grid], axis=1),
                    "picture.loss": np.linspace(1, 0.2, 200),
                    "picture.digits.epoch_10": rng.random((20, 28, 28)),
                    "hidden_inputs": grid,
                },
            ),
        ),
        notes=("x.so was not used: only .py files are read.",),
    )  # fmt: skip
