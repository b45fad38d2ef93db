"""The catalogue of checks and the code agree."""

from importlib import import_module

from grader.checks.catalogue import MODULES
from grader.checks.registry import REGISTRY
from grader.rubric import read_rubric


def test_every_check_is_registered_in_the_module_that_the_catalogue_names() -> None:
    for module, names in MODULES.items():
        import_module(module)
        for name in names:
            assert name in REGISTRY, f"{module} does not register {name}"
            assert REGISTRY[name].judge_function is not None, f"{name} has no judge"
    assert set(REGISTRY) == {name for names in MODULES.values() for name in names}


def test_every_check_is_asked_for_by_the_rubric() -> None:
    asked = {q.check for q in read_rubric().questions}
    assert asked == {name for names in MODULES.values() for name in names}
