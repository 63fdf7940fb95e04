"""What a command has to be told: values, secrets, a credential as JSON, consent in a browser.

A secret is never an option: command lines are seen by everybody on the machine. It comes from the environment or from
stdin, or is asked for without echo.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from growthos_assets.cli.output import errors

if TYPE_CHECKING:
    from connectors.credentials import Credential
    from connectors.oauth.providers import Provider
    from connectors.oauth.token import Token


def value(name: str, question: str, given: str | None = None) -> str:
    """What was given as an option, else GROWTHOS_<NAME>, else what the person answers."""
    return given or _ask(name, question, hidden=False)


def secret(name: str, question: str, *, optional: bool = False) -> str:
    """GROWTHOS_<NAME>, else what the person types unseen; empty only if it is optional."""
    return _ask(name, question, hidden=True, optional=optional)


def _ask(name: str, question: str, *, hidden: bool, optional: bool = False) -> str:
    variable = f"GROWTHOS_{name.upper()}"
    value = os.environ.get(variable, "").strip()
    if not value and sys.stdin.isatty():
        from rich.prompt import Prompt

        while not (value := Prompt.ask(question, console=errors, password=hidden, default="").strip()) and not optional:
            pass
    if not value and not optional:
        raise typer.BadParameter(
            f"{question} is missing: set {variable}, give it as JSON with --from-stdin, or run this "
            "in a terminal to be asked."
        )
    return value


def from_json(source: str) -> "Credential":
    """The credential that stands on stdin as JSON; its fields are those of connectors/credentials.py."""
    from dataclasses import fields

    import msgspec

    from connectors.credentials import CREDENTIALS
    from growthos_assets.connections import decode

    content = sys.stdin.buffer.read()
    known = {field.name for field in fields(CREDENTIALS[source])}
    try:
        given = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        if unknown := given.keys() - known:
            raise msgspec.ValidationError(f"there is no {', '.join(sorted(unknown))}")
        return decode(source, content)
    except msgspec.DecodeError as error:  # names the place, and quotes nothing
        raise typer.BadParameter(
            f"not a {source} credential as JSON: {error}. It may have {', '.join(sorted(known))}",
            param_hint="--from-stdin",
        ) from None


@dataclass(frozen=True)
class Browser:
    """Where a person gives consent, and for how long that is waited for."""

    port: int
    opens: bool
    timeout: float

    def consent(
        self,
        provider: "Provider",
        api: str,
        client_id: str,
        client_secret: str,
        signed: Callable[[Mapping[str, str]], bool] = lambda answer: True,
    ) -> "Token":
        """A person's consent as a token; what comes back unsigned is passed over."""
        import webbrowser

        from connectors.clock import SystemClock
        from connectors.oauth.callback import PATH, listening
        from connectors.oauth.consent import SCOPES, Consent
        from connectors.oauth.token import TokenEndpoint

        with listening(self.port) as callback:
            redirect = f"http://{provider.redirect_host}:{callback.port}{PATH}"
            consent = Consent(provider, client_id, SCOPES[api], redirect)
            errors.print(f"Allow access on this page; the app must list the redirect {redirect}", soft_wrap=True)
            errors.print(consent.url, soft_wrap=True)
            if self.opens:
                webbrowser.open(consent.url)
            answer = callback.wait(lambda answer: consent.is_ours(answer) and signed(answer), self.timeout)
        return consent.exchange(answer, client_secret, TokenEndpoint(provider, SystemClock()))
