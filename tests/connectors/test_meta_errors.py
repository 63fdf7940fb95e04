"""Every row of Meta's error table, as the client raises it, over a real socket."""

from datetime import timedelta

import msgspec
import pytest
from meta_pulling import SOURCE, served, shop

from connectors.budget import Budget
from connectors.errors import ApiRetired, AuthError, Bug, ConfigError, PermissionDenied, RateLimited, TooBig, Transient
from connectors.exchange import Reply
from connectors.fake.meta import ACCESS_TOKEN
from connectors.fake.meta_insights import GraphError
from connectors.meta.errors import BLOCKED_FOR, MESSAGES, TABLE, judge

ROWS = [
    pytest.param(code, subcode, "It said no", rule, id=f"{code}/{subcode}")
    for (code, subcode), rule in TABLE.items()
] + [
    pytest.param(100, None, f"(#100) … {words} …", rule, id=words.replace(" ", "-"))
    for words, rule in MESSAGES.items()
]  # fmt: skip


@pytest.fixture(scope="module")
def meta():
    with served() as meta:
        yield meta


@pytest.fixture
def impatient(monkeypatch):
    """No budget for anything to fail."""
    monkeypatch.setattr("connectors.http.Http.budget", lambda http: Budget(http.clock, failures=0))


@pytest.mark.parametrize(("code", "subcode", "message", "rule"), ROWS)
def test_each_row_of_the_table(meta, impatient, code, subcode, message, rule):
    meta.fake.failing = [GraphError(42 if code is None else code, message, subcode)] * 10  # in the end no page is small
    with pytest.raises(rule.error) as raised:
        meta.client.accounts()
    assert type(raised.value) is rule.error
    assert str(raised.value).endswith(rule.advice)
    assert message in str(raised.value)
    assert "AqTraceOfTheDemo" in str(raised.value)
    assert raised.value.code
    if isinstance(raised.value, RateLimited):
        wait = BLOCKED_FOR.get((code, subcode), timedelta(minutes=5))
        assert raised.value.retry_at == meta.clock.now() + wait


def reply(body=b"", status=400, **headers):
    return Reply(status, headers, body, "https://graph.facebook.com/v26.0/act_1/insights", SOURCE.now)


def error(**told):
    return msgspec.json.encode({"error": {"message": "No", "code": 100, **told}})


def test_an_unknown_code_is_a_bug_with_an_excerpt():
    found = judge(reply(error(code=31337, message="x" * 9999)))
    assert type(found) is Bug
    assert found.code == "31337"
    assert len(str(found)) < 500


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"code": 31337, "is_transient": True}, Transient),
        ({"code": 100, "is_transient": True}, Transient),
        ({"code": 100, "error_subcode": 1487534, "is_transient": True}, TooBig),
        ({"code": 4, "is_transient": True}, RateLimited),
        ({"code": 100, "error_subcode": 31337}, ConfigError),
        ({"message": "(#100) Cannot include reach in summary param because it wasn't there"}, Transient),
    ],
)
def test_what_passes_by_metas_word_passes_unless_the_table_says_what_to_do(told, kind):
    assert type(judge(reply(error(**told)))) is kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<html>", Transient),
        (503, b"", Transient),
        (500, b'{"error": "in another shape"}', Transient),
        (429, b"", RateLimited),
        (404, b"<html>not here</html>", Bug),
        (200, b'{"error": {"code": 2, "message": "an error with status 200"}}', Transient),
    ],
)
def test_errors_without_metas_words(status, body, kind):
    assert type(judge(reply(body, status))) is kind


@pytest.mark.parametrize("body", [b"<html>back in a minute</html>", error(code=2)])
@pytest.mark.parametrize(("asked", "after"), [({"retry-after": "40"}, 40), ({"retry-after": "0"}, None), ({}, None)])
def test_retry_after_is_honoured_by_what_passes(body, asked, after):
    found = judge(reply(body, 503, **asked))
    assert isinstance(found, Transient)
    assert found.after == after


def test_a_success_is_none():
    assert judge(reply(b'{"data": []}', 200)) is None


def test_another_version_answers_when_ours_is_gone():
    found = judge(reply(b'{"data": []}', 200, **{"facebook-api-version": "v27.0"}))
    assert type(found) is ApiRetired
    assert "v27.0 instead of v26.0" in str(found)


def test_a_limit_that_names_its_end_is_believed():
    header = {"x-business-use-case-usage": '{"1":[{"estimated_time_to_regain_access":42}]}'}
    found = judge(reply(error(code=80000), **header))
    assert isinstance(found, RateLimited)
    assert found.retry_at == SOURCE.now + timedelta(minutes=42)


@pytest.mark.parametrize(
    ("code", "subcode", "kind"), [(100, 1487534, TooBig), (4, None, RateLimited), (10, None, PermissionDenied)]
)
def test_what_a_failed_report_says_is_read_by_the_table_too(code, subcode, kind):
    meta = shop()
    meta.fake.failing_reports = [GraphError(code, "The report says no", subcode)]
    with pytest.raises(kind, match="The report says no") as raised:
        meta.pull(meta.slice(30))
    assert raised.value.code.startswith(str(code))
    assert sum(request.method == "POST" for request in meta.requests) == 1


def test_a_failed_report_quotes_no_token():
    meta = shop()
    meta.fake.failing_reports = [GraphError(190, f"Malformed access token {ACCESS_TOKEN}")]
    with pytest.raises(AuthError, match="Malformed access token …"):
        meta.pull(meta.slice(30))


def test_a_report_that_failed_by_chance_is_made_again():
    meta = shop()
    meta.fake.failing_reports = [GraphError(-2, "Report failed", 2490547)]
    assert len(meta.pull(meta.slice(30))) == 120
    assert sum(request.method == "POST" for request in meta.requests) == 2


def test_a_state_that_nobody_knows_is_a_bug():
    meta = shop()
    meta.fake.report_ends = ["Job Dreaming"]
    with pytest.raises(Bug, match="Job Dreaming"):
        meta.pull(meta.slice(30))
