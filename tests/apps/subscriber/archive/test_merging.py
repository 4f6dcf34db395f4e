from hypothesis import given
from hypothesis import strategies as st

from apps.subscriber.archive.merging import Sorted, merged

FILES = st.lists(st.lists(st.integers(0, 50), min_size=1).map(sorted))


def source(numbers, opened):
    def rows():
        opened.append(1)
        for number in numbers:
            yield (number,), number
        opened.pop()

    return Sorted((numbers[0],), rows)


@given(FILES)
def test_rows_come_in_order_and_all_of_them(files):
    found = [row for _, row in merged(source(numbers, []) for numbers in files)]
    assert found == sorted(number for numbers in files for number in numbers)


def test_a_file_is_open_only_while_its_time_is():
    opened, most = [], 0
    files = [range(start, start + 10) for start in range(0, 1000, 10)]
    for _ in merged(source(list(numbers), opened) for numbers in files):
        most = max(most, len(opened))
    assert most <= 2
