"""How many people are drawing."""

from sketch2photo.page import limits


def test_everybody_counts_once_and_for_ten_seconds():
    now = 0.0
    people = limits.Visitors(lambda: now)
    assert [people.note(person) for person in ("a", "b", "a", "c")] == [1, 2, 2, 3]
    now = 9.0
    assert people.note("a") == 3
    now = 12.0
    assert people.note("d") == 2
    now = 100.0
    assert people.note("b") == 1


def test_made_up_ids_do_not_fill_the_memory():
    people = limits.Visitors(lambda: 0.0)
    for i in range(12_000):
        people.note(str(i))
    assert people.note("last") == 10_000
