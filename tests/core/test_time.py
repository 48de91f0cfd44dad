"""Time never runs backwards, whoever asks: a library user of `step`, the engine, an audit."""

from novate.core import commands as c
from novate.core.facts import MemberAdded, Rejected
from novate.core.reasons import Reason
from novate.core.step import refuse_time, step
from novate.service.engine import Engine
from tests.core.worlds import small_house


def test_a_time_before_the_books_is_refused_and_changes_nothing() -> None:
    house = small_house()
    book = house.book
    step(book, c.Clock(), 10)
    before = book.digest()
    for command in (c.AddMember("late"), c.Clock()):
        (refused,) = step(book, command, 9)
        assert refused == refuse_time(book, 9)
        assert isinstance(refused, Rejected)
        assert (refused.reason, refused.path) == (Reason.TIME_RUNS_BACKWARDS, "$.time_ns")
        assert refused.message == "9 is before the last record's time 10: put the tape in order of time"
    assert book.registers.time_ns == 10
    assert book.digest() == before
    assert step(book, c.AddMember("late"), 10) == [MemberAdded("late")], "the same time is not backwards"


def test_the_engine_gives_the_answer_of_step() -> None:
    with Engine() as engine:
        engine.submit(c.AddMember("first"), 10).result(60)
        late = engine.submit(c.AddMember("late"), 9).result(60)
        assert late.facts == [engine.read(lambda book: refuse_time(book, 9)).result(60)]
        assert late.seq is None
