"""A token, and the endpoint that gives one for a form. Secrets travel in the body alone: never in a URL."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from connectors.budget import Budget
from connectors.clock import Clock
from connectors.errors import Bug
from connectors.exchange import Reply, Request
from connectors.http import Http, Transport
from connectors.oauth.errors import judge_by
from connectors.oauth.providers import Provider

EARLY = timedelta(minutes=5)
"""How long before its end a token is renewed: a request that has begun must not meet the end."""

LIFETIME = 3600
"""Seconds that a refreshable token lasts when the answer does not say: Shopify's and Google's shortest."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; without `expires_at` it has no known end. `refresh` gets the next one, where it changes."""

    access: str = field(repr=False)
    expires_at: datetime | None = None
    refresh: str | None = field(default=None, repr=False)

    def lasts(self, now: datetime) -> bool:
        """Whether it will do for a while."""
        return self.expires_at is None or now < self.expires_at - EARLY


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Where a provider gives tokens."""

    provider: Provider
    clock: Clock
    transport: Transport | None = None

    def ask(self, form: Mapping[str, str]) -> Token:
        """The token for the form (RFC 6749, 4 and 6); ApiError with the fix in words if it is refused."""
        provider = self.provider
        judge = judge_by(provider.title, provider.rules)
        # once an hour at most: no connection is worth keeping
        with closing(Http(provider.token_url, judge=judge, clock=self.clock, transport=self.transport)) as http:
            request = Request("POST", provider.token_url, form=form, authorized=False)
            return self._read(http.send(request, Budget(self.clock, failures=4, seconds=60)))

    def _read(self, reply: Reply) -> Token:
        try:
            answer = msgspec.convert(reply.json(), _Answer, strict=False)
        except msgspec.ValidationError as error:
            raise Bug(
                f"{self.provider.title} answered with something else than a token ({error}). Report it."
            ) from None
        # a refreshable token without an end would never be refreshed: some answers forget to say
        seconds = answer.expires_in or (LIFETIME if answer.refresh_token else None)
        expires_at = reply.at + timedelta(seconds=seconds) if seconds else None
        return Token(answer.access_token, expires_at, answer.refresh_token)


class _Answer(msgspec.Struct):
    """A successful answer (RFC 6749, 5.1)."""

    access_token: Annotated[str, msgspec.Meta(min_length=1)]
    expires_in: float | None = None
    refresh_token: str | None = None
