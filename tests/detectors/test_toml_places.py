from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.toml_places import Place, dotted, locate, syntax_place

TEXT = """\
# comment
top = 1
  spaced   =   "x"   # why
dotted.key = 2
"quoted key" = 3

[table]  # header
a = [
  1, # ]
  "]",
]
b = '''
[not.a.table]
c = 1
'''
d = { e = 1, f = "}" }
[[items]]
name = "one"
[[items]]
name = \"\"\"
two \\\"\"\" [x]
\"\"\"
last = true
[items.sub]
deep = 1
[a.b.c]
x = 1
"""


def test_keys_and_values_are_found_by_line_and_column():
    places = locate(TEXT)
    assert places.keys["top",] == Place(2, 1)
    assert places.values["top",] == Place(2, 7)
    assert places.keys["spaced",] == Place(3, 3)
    assert places.values["spaced",] == Place(3, 16)
    assert places.keys["dotted", "key"] == Place(4, 1)
    assert places.keys["quoted key",] == Place(5, 1)
    assert places.keys["table", "a"] == Place(8, 1)


def test_what_stands_in_arrays_and_multi_line_strings_is_no_key():
    places = locate(TEXT)
    assert places.keys["table", "b"] == Place(12, 1)
    assert places.keys["table", "d"] == Place(16, 1)
    assert ("not", "a", "table") not in places.keys
    assert ("table", "c") not in places.keys


def test_tables_of_an_array_have_their_index():
    places = locate(TEXT)
    assert places.keys["items", 0, "name"] == Place(18, 1)
    assert places.keys["items", 1] == Place(19, 1)
    assert places.keys["items", 1, "last"] == Place(23, 1)
    assert places.keys["items", 1, "sub", "deep"] == Place(25, 1)


def test_an_unknown_path_is_at_the_nearest_table_around_it():
    places = locate(TEXT)
    assert places.key(("table", "d", "e")) == Place(16, 1)
    assert places.key(("a", "b")) == Place(26, 1)
    assert places.key(("nowhere",)) == Place(1, 1)
    assert places.value(("a", "b", "c", "y")) == Place(26, 1)


def test_a_syntax_error_without_a_place_is_at_the_end():
    assert syntax_place("Invalid value (at line 3, column 7)", "") == Place(3, 7)
    assert syntax_place("Invalid value (at end of document)", "a = 1\nb =") == Place(2, 4)


def test_a_path_reads_like_the_file():
    assert dotted(("tenant", "x", "rules", 2, "when")) == "tenant.x.rules[2].when"


@settings(derandomize=True)
@given(st.text(alphabet="ab=.[]{}\"'#\\ \n\t1", max_size=60))
def test_any_text_is_read_without_an_exception(text):
    locate(text)
