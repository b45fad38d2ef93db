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
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response as BaseResponse

from grader.cohort.decisions import EVERYONE, Decisions, decision_on, decisions, last_decision
from grader.cohort.records import Decision
from grader.cohort.review import Group, Member, decide, queue, undo
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
        """The next answer that someone still awaits a decision on, going round once."""
        places = list(self.groups)
        start = places.index(after) + 1 if after in self.groups else 0
        made = decisions(self.store)
        return next((p for p in places[start:] + places[:start] if self.is_open(p, made)), None)

    def is_open(self, place: Place, made: Decisions) -> bool:
        """Whether someone who gave the answer has no decision yet."""
        return any(decision_on(made, *place, member.key) is None for member in self.groups[place].members)

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

    def to(place: Place | None, one: int | None = None) -> BaseResponse:
        if place is None:
            return redirect(url_for("overview", token=token))
        return redirect(url_for("answer", token=token, number=place[0], key=place[1], one=one))

    @app.get("/<token>/")
    def overview() -> str:
        return render_template("overview.html", token=token, title=settings.rubric.title, questions=_progress(desk))

    @app.get("/<token>/next")
    def following() -> BaseResponse:
        return to(desk.next_open())

    def asked(number: str, key: str) -> tuple[Group, Member | None]:
        """The group of an address, and the one member of it that `one` points at."""
        group, one = desk.groups.get((number, key)), request.values.get("one")
        if group is None or (
            one is not None and not (one.isascii() and one.isdigit() and int(one) < len(group.members))
        ):
            abort(404)
        return group, None if one is None else group.members[int(one)]

    @app.get("/<token>/answer/<number>/<key>")
    def answer(number: str, key: str) -> str:
        group, one = asked(number, key)
        return render_template("answer.html", token=token, **_page(desk, group, one))

    @app.post("/<token>/decide/<number>/<key>")
    def settle(number: str, key: str) -> BaseResponse:
        group, one = asked(number, key)
        if request.form.get("share") not in SHARES:
            abort(400)
        share, comment = Fraction(request.form["share"]), request.form.get("comment", "").strip()[:LONGEST_COMMENT]
        ticks = [t for t in request.form.getlist("tick") if t in _points(group)]
        if one is not None:
            decide(store, settings, group, share, ticks, comment, by_whom, one)
            return to((number, key))
        also = [k for k in request.form.getlist("also") if (number, k) in desk.groups]
        for alike in (key, *also):
            decide(store, settings, desk.groups[number, alike], share, ticks, comment, by_whom)
        return to(desk.next_open((number, key)))

    @app.post("/<token>/undo")
    def take_back() -> BaseResponse:
        decision = last_decision(store)
        if decision is None:
            return to(desk.next_open())
        undo(store, settings, decision, by_whom)
        group = desk.groups.get((decision.number, decision.answer))
        if group is None:
            return to(None)
        keys = [m.key for m in group.members]
        return to(
            (decision.number, decision.answer),
            keys.index(decision.submission) if decision.submission in keys else None,
        )

    @app.get("/<token>/static/<name>")
    def static_file(name: str) -> Response:
        return send_from_directory(TEMPLATES, name) if name in ("review.css", "review.js") else abort(404)

    return app


def _progress(desk: Desk) -> list[dict[str, object]]:
    """By question: answers, submissions, how many are decided."""
    made = decisions(desk.store)
    rows: dict[str, dict[str, object]] = {}
    for place, group in desk.groups.items():
        row = rows.setdefault(
            place[0],
            {"number": place[0], "title": group.question.title, "groups": [], "submissions": 0, "open": 0},
        )
        is_open = desk.is_open(place, made)
        row["groups"] = [*row["groups"], (place[1], len(group.members), not is_open)]  # type: ignore[misc]
        row["submissions"] = int(row["submissions"]) + len(group.members)  # type: ignore[call-overload]
        row["open"] = int(row["open"]) + is_open  # type: ignore[call-overload]
    return list(rows.values())


def _page(desk: Desk, group: Group, one: Member | None) -> dict[str, object]:
    place = (group.question.number, group.answer)
    made = decisions(desk.store)
    alike = [desk.groups[place[0], k] for k in group.similar if (place[0], k) in desk.groups]
    number = None if one is None else group.members.index(one)
    return {
        "group": group,
        "one": one,
        "number": number,
        "next_member": 0 if number is None else (number + 1) % len(group.members),
        "members": [(m, made.get((*place, m.key))) for m in group.members],
        "shown": shown_answer(group, one),
        "alike": [] if one else [(g, shown_answer(g), made.get((place[0], g.answer, EVERYONE))) for g in alike],
        "points": _points(group),
        "touched": _touched(group),
        "decision": decision_on(made, *place, one.key if one else EVERYONE),
        "shares": [(share, points_text(Fraction(share) * group.verdict.awaiting)) for share in SHARES],
        "awaiting": points_text(group.verdict.awaiting),
        "most": points_text(group.question.points),
        "last": _last(last_decision(desk.store)),
        "before": desk.beside(place, -1),
        "after": desk.beside(place, 1),
        "open": sum(1 for p in desk.groups if desk.is_open(p, made)),
        "position": list(desk.groups).index(place) + 1,
        "total": len(desk.groups),
    }


def _last(decision: Decision | None) -> str:
    if decision is None:
        return ""
    return f"{decision.number}{' of one' if decision.submission else ''}: {decision.share} of the points"


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


def shown_answer(group: Group, one: Member | None = None) -> Markup:
    """The student's answer (as one member wrote it), typeset; for code, what the machine saw of it."""
    facts, text = group.evidence.facts, one.text if one else group.text
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
        return formula(text, block=True)
    if text:
        return prose(text)
    return Markup("<p>{}</p>").format("No text: " + (group.verdict.message or "the machine could not decide this."))


class _Quiet(WSGIRequestHandler):
    """Says nothing of requests: the terminal is the reviewer's, and the address holds the token."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...


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
        server = make_server(HOST, port, app, threaded=False, request_handler=_Quiet)
    except (OSError, SystemExit) as error:
        store.close()
        raise GraderError(f"The review page cannot be served on port {port}: {error}") from error
    return Server(store, server, f"http://{HOST}:{server.server_port}/{token}/")
