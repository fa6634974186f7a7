import pytest

from maskmatch.core.alerts import Alert, Kind
from maskmatch.core.outage import Outage
from maskmatch.core.shown import without_url_secrets
from maskmatch.core.waits import Waits
from tests.fakes import FakeClock, waits_that_tell


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def told():
    return []


@pytest.fixture
def kept():
    return [{}]


@pytest.fixture
def begin(clock, told, kept):
    """Return a function that begins a try, with what the one before has kept."""
    return lambda: waits_that_tell(told, now=clock.now, keep=kept.append, before=kept[-1])


def ask(waits, clock, *, seconds, every=5, what="the service"):
    for _ in range(seconds // every):
        waits.goes_on(what, "it does not answer")
        clock.sleep(every)


def test_a_person_is_told_once_after_two_minutes_of_waiting(begin, clock, told):
    waits = begin()
    ask(waits, clock, seconds=120)
    assert told == []
    ask(waits, clock, seconds=1200)
    [alert] = told
    assert (alert.kind, alert.cause) == (Kind.WAITING, "the service")
    assert (
        alert.text
        == "the service has been away for 120 s; the task goes on once it is back: it does not answer"
    )


def test_a_wait_of_which_nobody_has_heard_is_told_again_each_minute_and_by_the_next_try(clock, told, kept):
    waits = Waits(now=clock.now, tell=told.append, keep=kept.append)
    ask(waits, clock, seconds=250)
    assert [alert.text.split(";")[0] for alert in told] == [
        f"the service has been away for {seconds} s" for seconds in (120, 180, 240)
    ]
    clock.sleep(70)
    later = Waits(now=clock.now, tell=told.append, keep=kept.append, before=kept[-1])
    ask(later, clock, seconds=10)
    assert len(told) == 4
    later.heard("the service")
    ask(Waits(now=clock.now, tell=told.append, before=kept[-1]), clock, seconds=600)
    assert len(told) == 4


def test_a_trouble_that_passes_sooner_is_not_told_however_often_it_comes(begin, clock, told):
    waits = begin()
    for _ in range(20):
        ask(waits, clock, seconds=110)
        waits.is_over("the service")
    assert told == []


def test_the_tries_of_a_task_are_one_wait_and_one_alert(begin, clock, told):
    for _ in range(4):
        ask(begin(), clock, seconds=50)
        clock.sleep(70)  # the retry delay, and the start of a process
    assert len(told) == 1


def test_a_wait_of_long_ago_is_not_the_same(begin, clock, told):
    ask(begin(), clock, seconds=100)
    clock.sleep(3600)
    ask(begin(), clock, seconds=100)
    assert told == []


def test_what_was_over_and_comes_again_is_told_again(begin, clock, told):
    waits = begin()
    for _ in range(2):
        ask(waits, clock, seconds=200)
        waits.is_over("the service")
    assert len(told) == 2


def test_each_cause_has_a_wait_of_its_own(begin, clock, told):
    waits = begin()
    for _ in range(40):
        waits.goes_on("the service", "away")
        waits.goes_on("the permit store", "away")
        clock.sleep(5)
    assert sorted(each.cause for each in told) == ["the permit store", "the service"]


def test_an_outage_says_that_it_goes_on_and_that_it_is_over(begin, clock, told, kept):
    outage = Outage(now=clock.now, say=lambda _: None, waits=begin(), what="the store x")
    for _ in range(100):
        clock.sleep(outage.note_failure("away"))
    assert [each.cause for each in told] == ["the store x"]
    assert kept[-1]["the store x"]["is_told"]
    outage.note_success("back")
    assert kept[-1] == {}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "see https://b.cos.ap-guangzhou.myqcloud.com/a.jpg?sign=q-ak%3DAKIDx&t=1 now",
            "see https://b.cos.ap-guangzhou.myqcloud.com/a.jpg?... now",
        ),
        ("redis://user:pass@host:6379/0 is away", "redis://host:6379/0 is away"),
        ("'https://h/x?X-Amz-Signature=abc'", "'https://h/x?...'"),
        ("what is wrong? nothing at s3://bucket/key", "what is wrong? nothing at s3://bucket/key"),
    ],
)
def test_an_alert_holds_no_address_with_a_key(text, shown):
    assert without_url_secrets(text) == shown


def test_the_key_of_an_alert_tells_kind_and_cause_and_shows_no_address():
    alert = Alert(kind=Kind.WAITING, cause="the store s3.example:9000/x y", text="")
    other = Alert(kind=Kind.WAITING, cause="the permit store", text="")
    assert alert.key.startswith("waiting_")
    assert alert.key != other.key
    assert alert.key.replace("_", "").isalnum()
