import pytest

from broker.proxy.authority import Authority
from broker.proxy.framing import EMPTY
from broker.proxy.message import AnswerHead, Fields, RequestHead
from broker.proxy.outgoing import answer_head, request_fields
from broker.proxy.watching import NO_WORDS, Watch

HEAD = RequestHead("GET", "/", Fields((("Host", "a.test"), ("Cookie", "a=b"))))


@pytest.mark.parametrize("lets_cookies", [False, True])
def test_cookies_pass_where_the_route_says_so(*, lets_cookies: bool) -> None:
    """And nowhere else."""
    fields = request_fields(
        HEAD,
        Authority("a.test", 443),
        "https",
        EMPTY,
        injection=None,
        is_declared=True,
        lets_cookies=lets_cookies,
    )

    assert fields.all("cookie") == (["a=b"] if lets_cookies else [])


@pytest.mark.parametrize(("status", "is_told"), [(204, False), (304, True), (200, True)])
def test_an_answer_without_content_tells_no_length(status: int, *, is_told: bool) -> None:
    """Of one to HEAD, and of one that is not modified, it is the length of another answer."""
    answer = AnswerHead(1, status, "", Fields((("Content-Length", "5"),)))

    head = answer_head(answer, EMPTY, None, Watch(NO_WORDS), closes=False)

    assert (b"Content-Length: 5" in head) is is_told
