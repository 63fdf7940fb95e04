"""How Meta's Graph is read: paged, and big reports as jobs that it works on by itself.

https://developers.facebook.com/documentation/ads-commerce/marketing-api/insights/async
https://developers.facebook.com/docs/graph-api/guides/secure-requests
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.budget import Budget
from connectors.errors import Bug, TooBig, Transient, Truncated
from connectors.exchange import Reply, Request
from connectors.http import Http
from connectors.meta import API_VERSION, PAGE_SIZE
from connectors.meta.errors import PAGE_TOO_BIG, fault
from connectors.source import Body

SMALLEST_PAGE = 10
FIRST_POLL, LONGEST_POLL = 5.0, 30.0
ATTEMPTS = 2
ROUNDS = 3
"""How often one cursor may be given before it is a circle and not a page that came twice."""

STATUS_FIELDS = "async_status,async_percent_completion,error_code,error_subcode,error_message,error_user_msg"


class Bearer:
    """The token, in a header and never in a URL. Meta's cannot be renewed without the person who made it."""

    def __init__(self, token: str) -> None:
        self._headers = {"authorization": f"Bearer {token}"}

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def renew(self) -> bool:
        return False


class Graph:
    """Meta's API, every call signed with the app's secret if there is one."""

    def __init__(self, http: Http, access_token: str, app_secret: str | None) -> None:
        self._http = http
        self._signature = {"appsecret_proof": proof(access_token, app_secret)} if app_secret else {}

    def get(self, path: str, query: Mapping[str, str], budget: Budget) -> Reply:
        return self._http.send(Request("GET", f"/{API_VERSION}/{path}", query={**query, **self._signature}), budget)

    def post(self, path: str, form: Mapping[str, str], budget: Budget) -> Reply:
        return self._http.send(Request("POST", f"/{API_VERSION}/{path}", form={**form, **self._signature}), budget)

    def pages(self, path: str, query: Mapping[str, str], budget: Budget) -> Iterator[Body]:
        """The pages of an edge, until none is said to follow; smaller ones where the API asks for it."""
        limit, after, given = PAGE_SIZE, dict[str, str](), Counter[str]()
        while True:
            try:
                body = self.get(path, {**query, "limit": str(limit), **after}, budget).json()
            except TooBig as error:
                if error.code != PAGE_TOO_BIG or limit <= SMALLEST_PAGE:
                    raise
                limit //= 2
                continue
            yield body
            cursor = _cursor(body)
            if cursor is None:
                return
            given[cursor] += 1
            if given[cursor] > ROUNDS:
                raise Truncated(f"Meta leads in a circle: the same page of {path} follows again and again.")
            after = {"after": cursor}

    def report(self, account: str, parameters: Mapping[str, str], budget: Budget) -> Iterator[Body]:
        """The pages of a report that Meta works on by itself; TooBig where it gives up on it twice in a row."""
        for _ in range(ATTEMPTS):
            run = str(self.post(f"act_{account}/insights", parameters, budget).json()["report_run_id"])
            if self._completes(run, budget):
                return self.pages(f"{run}/insights", {}, budget)
        raise TooBig("Meta gave up on a report, and again. Ask for fewer days, or fewer campaigns.", code="Job Failed")

    def _completes(self, run: str, budget: Budget) -> bool:
        """Wait until a report is no longer worked on, and say whether it is there. All done is not yet completed.

        RateLimited if the slice's time is over before: a report that takes Meta long is not one that is too big.
        """
        wait = FIRST_POLL
        while True:
            self._http.pause(wait, budget, f"Meta is still at work on report {run}.")
            wait = min(LONGEST_POLL, wait * 1.5)
            reply = self.get(run, {"fields": STATUS_FIELDS}, budget)
            status = reply.json()
            match status["async_status"]:
                case "Job Completed":
                    return True
                case "Job Failed" | "Job Skipped":
                    _raise_what_lasts(status, reply)
                    return False
                case "Job Not Started" | "Job Started" | "Job Running":
                    pass
                case other:
                    raise Bug(f"Meta says of a report: {other}. Report this with the message.", code=other)


def _raise_what_lasts(status: Mapping[str, Any], reply: Reply) -> None:
    """A failed report says why, as an error would: what asking again does not help is raised."""
    told = {
        "message": status.get("error_message") or status.get("error_user_msg") or status["async_status"],
        "code": status.get("error_code"),
        "error_subcode": status.get("error_subcode"),
    }
    error = fault(told, reply)
    if not isinstance(error, (Transient, Bug)):
        raise error


def _cursor(body: Body) -> str | None:
    """Where the next page starts. The URL of it is not followed: it carries the token."""
    paging = body.get("paging", {})
    following: str | None = paging.get("next")
    if following is None:
        return None
    return paging.get("cursors", {}).get("after") or parse_qs(urlsplit(following).query)["after"][0]


def proof(access_token: str, app_secret: str) -> str:
    """The signature that shows that the app itself asks, and nobody who found its token."""
    return hmac.new(app_secret.encode(), access_token.encode(), hashlib.sha256).hexdigest()
