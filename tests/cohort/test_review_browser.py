"""The review page in a real browser, by keyboard alone. Set REVIEW_SCREENSHOT to keep a picture of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from grader.cohort.review_app import Server, serve
from grader.cohort.store import Store
from tests.cohort.conftest import MakeClass

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no browser here: apt-get install chromium chromium-driver"),
]
TEXTS = [
    "If D classifies perfectly then D(G(z)) is 0 and the gradient of log(1 - D(G(z))) vanishes.",
    "D classifies perfectly: D(G(z)) is 0, the gradient of log(1 - D(G(z))) vanishes.",
    "Mode collapse makes it vanish.",
]


@pytest.fixture
def served(make_class: MakeClass) -> Iterator[tuple[Path, Server]]:
    path = make_class({f"s{i:03d}": {"1.3": TEXTS[0 if i < 200 else 1 + i % 2]} for i in range(204)})
    server = serve(path, "ada")
    yield path, server
    server.close()


@pytest.fixture
def browser() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.implicitly_wait(10)
    yield driver
    driver.quit()


def test_two_hundred_equal_answers_are_decided_by_one_key_and_undone_by_another(
    served: tuple[Path, Server], browser: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    from selenium.webdriver.common.by import By

    path, server = served
    with Store(path) as store:

        def awarded() -> int:
            grades = store.grades()
            return sum(1 for of in grades.values() if of["1.3"].verdict.points == Fraction(3, 4))

        def press(key: str, then: str) -> None:
            browser.find_element(By.TAG_NAME, "body").send_keys(key)
            browser.find_element(By.XPATH, f"//*[contains(., '{then}')]")

        browser.get(server.address)
        press("n", "200 submissions with this answer")
        assert "Name Of" not in browser.page_source
        assert "example.edu" not in browser.page_source
        assert len(browser.find_elements(By.CSS_SELECTOR, "section.answer")) == 2, "the answer and one like it"
        tick = browser.find_element(By.NAME, "tick")
        browser.find_element(By.TAG_NAME, "body").send_keys("a")
        assert tick.is_selected()
        if os.environ.get("REVIEW_SCREENSHOT"):
            browser.save_screenshot(os.environ["REVIEW_SCREENSHOT"])
        labels = [b.text.partition(" of ")[0] for b in browser.find_elements(By.NAME, "share")]
        assert labels == ["0", "0.25", "0.5", "0.75", "1"]
        begun = browser.find_element(By.ID, "open").text
        press("3", "2 submissions with this answer")
        assert browser.find_element(By.ID, "open").text != begun
        assert awarded() == 200
        press("u", "200 submissions with this answer")
        assert awarded() == 0
        press("3", "2 submissions with this answer")
        press("k", "200 submissions with this answer")
        press("m", "Only s-")
        press("m", ", 2 of the 200 with this answer")
        assert browser.find_element(By.ID, "decided").text.startswith("Decided for everyone by ada: 3/4")
        assert "Name Of" not in browser.page_source
        assert "example.edu" not in browser.page_source
        press("0", "Undo 1.3 of one: 0 of the points")
        assert awarded() == 199, "one of two hundred is decided apart"
        press("u", "Only s-")
        assert awarded() == 200
        press("e", "200 submissions with this answer")
        press("u", begun)
        assert awarded() == 0
        browser.find_element(By.TAG_NAME, "body").send_keys("o")
        assert browser.find_element(By.ID, "begin").is_displayed()
        problems = [e for e in browser.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]]
        assert problems == []
    assert server.address.rstrip("/").rpartition("/")[2] not in "".join(capfd.readouterr()), "the token is not logged"
