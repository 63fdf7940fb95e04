"""The Google Ads API's few calls that we need: which accounts there are, and what a query finds, paged or streamed.

https://developers.google.com/google-ads/api/rest/common/search
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from connectors.budget import Budget
from connectors.clock import Clock
from connectors.errors import Transient, Truncated
from connectors.exchange import Reply, Request
from connectors.google_ads import API_VERSION
from connectors.google_ads.arrays import elements
from connectors.google_ads.errors import judge
from connectors.google_ads.pace import Pace
from connectors.http import Authorizer, Http, Transport
from connectors.source import Body

BASE_URL = "https://googleads.googleapis.com"


class Api:
    """One login. `login` is always the account through which it reaches the customer that is asked."""

    def __init__(
        self,
        authorizer: Authorizer,
        developer_token: str | None,
        clock: Clock,
        base_url: str | None,
        transport: Transport | None,
        dice: random.Random | None,
    ) -> None:
        self._headers = {"developer-token": developer_token} if developer_token else {}
        self._http = Http(
            base_url or BASE_URL,
            judge=judge,
            clock=clock,
            authorizer=authorizer,
            pace=Pace(),
            transport=transport,
            dice=dice,
        )
        self.meter = self._http.meter
        self.budget = self._http.budget

    def accessible(self, budget: Budget) -> Reply:
        """The accounts that the login reaches itself, managers among them: `resourceNames`."""
        return self._http.send(self._request("GET", "customers:listAccessibleCustomers"), budget)

    def search(self, customer: str, login: str, query: str, budget: Budget, page_token: str = "") -> Body:
        """One page of what the query finds, and on the first how many rows there are; the API leaves out a 0."""
        asked: dict[str, Any] = {"query": query, "searchSettings": {"returnTotalResultsCount": True}}
        if page_token:
            asked["pageToken"] = page_token
        body: Body = self._http.send(self._query("search", customer, login, asked), budget).json()
        self._note(body)
        return body

    def pages(self, customer: str, login: str, query: str, budget: Budget) -> Iterator[Body]:
        """All pages of what the query finds; Truncated where one leads back to an earlier one."""
        token, given = "", set[str]()
        while True:
            body = self.search(customer, login, query, budget, token)
            yield body
            token = body.get("nextPageToken", "")
            if not token:
                return
            if token in given:
                raise Truncated("Google Ads leads in a circle: the same page follows again.")
            given.add(token)

    def stream(self, customer: str, login: str, query: str) -> Iterator[Body]:
        """All that the query finds in one answer, part by part; the last one is the `summaryRow`.

        Asked for once, and not renewed: Transient or AuthError, if it can't be had or breaks off.
        """
        asked = {"query": query, "summaryRowSetting": "SUMMARY_ROW_WITH_RESULTS"}
        request = self._query("searchStream", customer, login, asked)
        with self._http.stream(request) as (head, chunks):
            for element in elements(chunks):
                try:
                    body: Body = msgspec.json.decode(element)
                except msgspec.DecodeError:
                    raise Transient("A part of the stream is not JSON.") from None
                if "error" in body:  # its status was sent when nobody knew of it
                    self._http.check(replace(head, status=int(body["error"].get("code", 500)), body=element))
                    raise Transient("The stream ended with an error.")
                self._note(body)
                yield body

    def _query(self, method: str, customer: str, login: str, asked: Body) -> Request:
        return self._request("POST", f"customers/{customer}/googleAds:{method}", asked, {"login-customer-id": login})

    def _request(self, method: str, path: str, json: Any = None, headers: dict[str, str] | None = None) -> Request:
        return Request(method, f"/{API_VERSION}/{path}", json=json, headers={**self._headers, **(headers or {})})

    def _note(self, body: Body) -> None:
        """What the query took goes on the meter."""
        quota = self.meter.quota
        taken = int(body.get("queryResourceConsumption", 0))
        quota["query_resource_consumption"] = quota.get("query_resource_consumption", 0) + taken
