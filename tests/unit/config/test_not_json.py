# SPDX-License-Identifier: MIT
"""What people write that is not JSON, and what they are told."""

import json

import pytest

from harness.wire import table
from postfix_rest_inetd.config.not_json import mistake

STRING = 'strings need double quotation marks (")'
KEY = 'a key is missing here, in double quotation marks (")'
VALUE = "a value is missing here"
COMMENT = "JSON has no comments"
COMMA = "nothing follows this comma"
BEFORE = "a comma or a closing bracket is missing before this"
EARLY = "the file ends too early; a bracket, a brace or a value is missing"
BACKSLASH = "a backslash in a string is written \\\\"

# The mistake is at @, which is not part of the text.
MISTAKES = {
    "nothing": ("@", "the file is empty"),
    "blanks": ("@ \n\t", "the file is empty"),
    "a comment": ('{\n  @// c\n  "a": 1}', COMMENT),
    "a comment behind a value": ('{"a": 1, @/* c */ "b": 2}', COMMENT),
    "a comment before the document": ("@# c\n{}", COMMENT),
    "a comment behind the document": ("{} @// c", COMMENT),
    "a comma at the end of a list": ("[1@,]", COMMA),
    "a comma and a blank at the end of a list": ("[1@, ]", COMMA),
    "a comma at the end of an object": ('{"a": 1@,\n}', COMMA),
    "a comma at the end of a list of objects": ('[{"a": 1}@,\n ]', COMMA),
    "two commas": ("[1,@,2]", VALUE),
    "a comma alone": ("{@,}", COMMA),
    "no comma": ('{"a": 1\n@"b": 2}', BEFORE),
    "no comma in a list": ('["a" @"b"]', BEFORE),
    "no colon": ('{"a" @1}', "a colon is missing before this"),
    "no value": ('{"a": @}', VALUE),
    "another bracket": ('{"a": 1@]', "{ is open here, and ] does not close it"),
    "another brace": ("[1@}", "[ is open here, and } does not close it"),
    "a bracket too many": ("{}@]", "something follows the end of the JSON document"),
    "two documents": ("{} @{}", "something follows the end of the JSON document"),
    "an end that is missing": ('{"a": 1\n@', EARLY),
    "half a key": ('{"a"@', EARLY),
    "only the beginning": ("[@", EARLY),
    "a string without its end": ('{"a": @"b}', "this string has no closing quotation mark"),
    "a key in single quotation marks": ("{@'a': 1}", STRING),
    "a value in single quotation marks": ("{\"a\": @'b'}", STRING),
    "a key without quotation marks": ("{@a: 1}", KEY),
    "a value without quotation marks": ('{"a": @policy}', STRING),
    "a value with a digit": ("[@a1]", STRING),
    "a value that begins like a word of Python": ("[@True_]", STRING),
    "True": ("[@True]", "True is written true in JSON"),
    "None": ('{"a": @None}', "None is written null in JSON"),
    "yes": ('{"a": @yes}', "yes is written true in JSON"),
    "off": ('{"a": @off}', "off is written false in JSON"),
    "a line break in a string": (
        '["a@\nb"]',
        "a string ends on the line on which it begins; a line break in it is written \\n",
    ),
    "a tab in a string": ('["a@\tb"]', "a control character in a string is written \\t"),
    "a control character": ('["@\1"]', "a control character in a string is written \\u0001"),
    "a backslash": (r'["C:@\dir"]', BACKSLASH),
    "half an escape": (r'["\@u12"]', "\\u takes four hexadecimal digits"),
    "a NUL in a string": ('["a@\0"]', "a control character in a string is written \\u0000"),
    "a mistake before a NUL": ('{"a"@? \0}', "a colon is missing before this"),
    "UTF-16": ("{@\0", "this is a NUL byte; the file must be UTF-8, and not UTF-16"),
    "a number with a base": ('{"a": 0@x10}', BEFORE),
    "a minus": ("[@-]", VALUE),
}


@pytest.mark.parametrize("marked, told", table(MISTAKES))
def test_mistake(marked, told):
    """The place is the same with every Python, and the words are not Python's."""
    at = marked.index("@")
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads(marked.replace("@", ""))
    assert mistake(raised.value) == (at, told)
