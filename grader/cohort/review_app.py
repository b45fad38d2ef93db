"""The review page: a Flask application on 127.0.0.1 with a token in its address. No student's name reaches it."""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from flask import Flask, Response, abort, redirect, render_template, request, send_from_directory, url_for
from markupsafe import Markup
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Response as BaseResponse

from grader.cohort.records import Decision
from grader.cohort.review import Group, decide, queue, undo
from grader.cohort.settings import ClassSettings, stored_settings
from grader.cohort.store import Store
from grader.model import GraderError
from grader.report.mathml import formula, prose
from grader.report.text import number as points_text

HOST = "127.0.0.1"
TEMPLATES = Path(__file__).resolve().parent / "templates"
SHARES = ("0", "1/4", "1/2", "3/4", "1")
LONGEST_COMMENT = 2000
POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; frame-ancestors 'none'"
STEP_MARKS = {"follows": "✓ follows", "wrong": "✗ does not follow", "undecided": "? not decided"}

Place = tuple[str, str]


@dataclass(slots=True)
class Desk:
    """The queue, computed once, and the store that every decision goes to at once."""

    store: Store
    settings: ClassSettings
    by_whom: str
    groups: dict[Place, Group]

    def next_open(self, after: Place | None = None) -> Place | None:
        """The next answer without a decision, going round once."""
        places = list(self.groups)
        start = places.index(after) + 1 if after in self.groups else 0
        decided = self.store.decisions()
        return next((p for p in places[start:] + places[:start] if p not in decided), None)

    def beside(self, place: Place, step: int) -> Place:
        """The answer before or after, going round."""
        places = list(self.groups)
        return places[(places.index(place) + step) % len(places)]


def create_app(store: Store, by_whom: str, token: str) -> Flask:
    """The application. Raises GraderError when the store holds no grades."""
    settings = stored_settings(store, by_whom=by_whom)
    desk = Desk(store, settings, by_whom, {(g.question.number, g.answer): g for g in queue(store, settings)})
    app = Flask(__name__, template_folder=str(TEMPLATES), static_folder=None)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.before_request
    def guard() -> None:
        """Only who has the address may see or decide anything; another site's name for this machine is refused."""
        given = str((request.view_args or {}).pop("token", ""))
        if not hmac.compare_digest(given.encode(), token.encode()):
            abort(404)
        if request.host.partition(":")[0] not in (HOST, "localhost"):
            abort(403)

    @app.after_request
    def close_off(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def to(place: Place | None) -> BaseResponse:
        if place is None:
            return redirect(url_for("overview", token=token))
        return redirect(url_for("answer", token=token, number=place[0], key=place[1]))

    @app.get("/<token>/")
    def overview() -> str:
        return render_template("overview.html", token=token, title=settings.rubric.title, questions=_progress(desk))

    @app.get("/<token>/next")
    def following() -> BaseResponse:
        return to(desk.next_open())

    @app.get("/<token>/answer/<number>/<key>")
    def answer(number: str, key: str) -> str:
        place = (number, key)
        if place not in desk.groups:
            abort(404)
        return render_template("answer.html", token=token, shares=SHARES, **_page(desk, place))

    @app.post("/<token>/decide/<number>/<key>")
    def settle(number: str, key: str) -> BaseResponse:
        if (number, key) not in desk.groups or request.form.get("share") not in SHARES:
            abort(400)
        share, comment = Fraction(request.form["share"]), request.form.get("comment", "").strip()[:LONGEST_COMMENT]
        ticks = [t for t in request.form.getlist("tick") if t in _points(desk.groups[number, key])]
        also = [k for k in request.form.getlist("also") if (number, k) in desk.groups]
        for one in (key, *also):
            decide(store, settings, desk.groups[number, one], share, ticks, comment, by_whom)
        return to(desk.next_open((number, key)))

    @app.post("/<token>/undo")
    def take_back() -> BaseResponse:
        decision = store.last_decision()
        if decision is None:
            return to(desk.next_open())
        undo(store, settings, decision, by_whom)
        return to((decision.number, decision.answer) if (decision.number, decision.answer) in desk.groups else None)

    @app.get("/<token>/static/<name>")
    def static_file(name: str) -> Response:
        return send_from_directory(TEMPLATES, name) if name in ("review.css", "review.js") else abort(404)

    return app


def _progress(desk: Desk) -> list[dict[str, object]]:
    """By question: answers, submissions, how many are decided."""
    decided = desk.store.decisions()
    rows: dict[str, dict[str, object]] = {}
    for place, group in desk.groups.items():
        row = rows.setdefault(
            place[0],
            {"number": place[0], "title": group.question.title, "groups": [], "submissions": 0, "open": 0},
        )
        row["groups"] = [*row["groups"], (place[1], len(group.submissions), decided.get(place))]  # type: ignore[misc]
        row["submissions"] = int(row["submissions"]) + len(group.submissions)  # type: ignore[call-overload]
        row["open"] = int(row["open"]) + (place not in decided)  # type: ignore[call-overload]
    return list(rows.values())


def _page(desk: Desk, place: Place) -> dict[str, object]:
    group = desk.groups[place]
    decided = desk.store.decisions()
    alike = [desk.groups[place[0], k] for k in group.similar if (place[0], k) in desk.groups]
    return {
        "group": group,
        "shown": shown_answer(group),
        "alike": [(g, shown_answer(g), decided.get((place[0], g.answer))) for g in alike],
        "points": _points(group),
        "touched": _touched(group),
        "decision": decided.get(place),
        "awaiting": points_text(group.verdict.awaiting),
        "most": points_text(group.question.points),
        "last": _last(desk.store.last_decision()),
        "before": desk.beside(place, -1),
        "after": desk.beside(place, 1),
        "open": sum(1 for p in desk.groups if p not in decided),
        "position": list(desk.groups).index(place) + 1,
        "total": len(desk.groups),
    }


def _last(decision: Decision | None) -> str:
    return "" if decision is None else f"{decision.number}: {decision.share} of the points"


def _points(group: Group) -> dict[str, str]:
    """The rubric points that a reviewer ticks."""
    return {str(item["id"]): str(item["text"]) for item in group.question.look_for}


def _touched(group: Group) -> dict[str, str]:
    """The words of each rubric point that the answer uses, as the machine found them."""
    points = group.evidence.facts.get("points") or group.evidence.facts.get("touched") or []
    found = {}
    for item in points if isinstance(points, list) else []:
        words = item.get("words") or item.get("touched") or [] if isinstance(item, dict) else []
        if isinstance(item, dict) and words:
            found[str(item.get("id"))] = ", ".join(str(w) for w in words)
    return found


def shown_answer(group: Group) -> Markup:
    """The student's answer, typeset; for code, what the machine saw of it."""
    facts = group.evidence.facts
    steps = facts.get("steps")
    if isinstance(steps, list) and steps and not facts.get("answer"):
        lines = [
            Markup('<li><span class="status">{}</span> {} <span class="why">{}</span></li>').format(
                STEP_MARKS.get(str(s.get("status")), "?"), formula(str(s.get("text", "")), block=True), s.get("message")
            )
            for s in steps
            if isinstance(s, dict)
        ]
        return Markup("<ol class='steps'>{}</ol>").format(Markup("").join(lines))
    if isinstance(facts.get("answer"), str):
        return formula(group.text, block=True)
    if group.text:
        return prose(group.text)
    return Markup("<p>{}</p>").format("No text: " + (group.verdict.message or "the machine could not decide this."))


class Server:
    """The running review server."""

    def __init__(self, store: Store, server: BaseWSGIServer, address: str) -> None:
        self._store, self._server, self.address = store, server, address
        self._thread = threading.Thread(target=server.serve_forever, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until it is closed."""
        self._thread.join()

    def close(self) -> None:
        """Ends the server and closes the store."""
        self._server.shutdown()
        self._thread.join(timeout=5)
        self._store.close()


def serve(path: Path, by_whom: str, port: int = 0) -> Server:
    """Starts the review of a store on 127.0.0.1. Raises GraderError when the store or the port cannot be used."""
    store = Store(path, create=False)
    token = secrets.token_urlsafe(24)
    try:
        app = create_app(store, by_whom, token)
        server = make_server(HOST, port, app, threaded=False)
    except (OSError, SystemExit) as error:
        store.close()
        raise GraderError(f"The review page cannot be served on port {port}: {error}") from error
    return Server(store, server, f"http://{HOST}:{server.server_port}/{token}/")
