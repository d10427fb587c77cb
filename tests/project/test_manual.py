# SPDX-License-Identifier: MIT
"""The manual pages agree with the code, and are pages that every man(1) shows well.

That the tutorial works is tested in a container, by tests/integration/test_tutorial.py.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.command_line import options_of, subcommands
from harness.endpoints import endpoint
from harness.manual_page import (
    PAGES,
    as_shown,
    blocks,
    displays,
    examples,
    list_tags,
    sections,
    source,
)
from harness.programs import program
from postfix_rest_inetd import __main__, log_entry, model
from postfix_rest_inetd.admin.ask.keys import FORMS, TABLE, Question, shown
from postfix_rest_inetd.admin.cli import COMMANDS
from postfix_rest_inetd.config import loading

COMMAND_PAGE = "postfix-rest-inetd.8"
HANDLER_PAGE = "postfix-rest-inetd-handler.8"
CONFIG_PAGE = "postfix-rest-inetd.json.5"
KEYS_PAGE = "postfix-rest-inetd-keys.7"

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "packaging/examples/tutorial"
CATALOG = ROOT / "systemd/catalog/postfix-rest-inetd.catalog"
README = ROOT / "README.md"

MAX_COLUMNS = 80


def run(*command: str) -> tuple[str, str]:
    """What a command prints, and what it complains of."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
    )
    return done.stdout, done.stderr


def rendered(page: Path) -> list[str]:
    """The lines of a page, without bold and underlining."""
    shown, _ = run(program("mandoc"), "-T", "ascii", str(page))
    return re.sub(r".\x08", "", shown).splitlines()


# -- as pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lint(page: Path) -> None:
    """Neither mandoc nor man has a complaint.

    Not mandoc's style level: it wants to find the pages referred to on this machine.
    """
    assert run(program("mandoc"), "-T", "lint", "-W", "warning", str(page)) == ("", "")
    _, complaints = run(program("man"), "--warnings=all", "-l", "-Tutf8", str(page))
    assert complaints == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_width(page: Path) -> None:
    """Every line fits a terminal of 80 columns; a literal display does not wrap by itself."""
    lines = rendered(page)
    assert len(lines) > 20
    assert [line for line in lines if len(line) > MAX_COLUMNS] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks(page: Path) -> None:
    """What tests make use of is what a reader sees: roff eats no quote and no backslash of it."""
    used = examples(page.name)
    if page.name in {"postfix-rest-inetd.7", CONFIG_PAGE}:
        used += blocks(page.name)
    seen = [line.strip() for line in rendered(page)]
    wanted = [line.strip() for block in used for line in block.text.splitlines()]
    assert [line for line in wanted if line not in seen] == []


def test_tutorial_files() -> None:
    """The files that the tutorial shows are those in packaging/examples, all of them."""
    page = blocks("postfix-rest-inetd.7")
    shown_there = {Path(each.argument).name: each.text for each in page if each.kind == "file"}
    files = {path.name: path.read_text(encoding="utf-8") for path in TUTORIAL.iterdir()}
    assert {name: as_shown(text) for name, text in files.items()} == shown_there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_name_of_the_command(page: Path) -> None:
    """Where .Nm is another name, it is not put before a subcommand."""
    if page.stem != "postfix-rest-inetd":
        assert re.findall(r"^\.Nm\n\.Cm .*", source(page.name), re.MULTILINE) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    """A section that .Sx names is one of this page; in HTML, it is a link that leads there."""
    named = re.findall(r"^\.Sx (.*?)(?: [.,)])?$", source(page.name), re.MULTILINE)
    assert [title for title in named if title not in sections(page.name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_come_last(page: Path) -> None:
    """As man-pages(7) has the order: examples, and behind them only what else there is to read."""
    headings = re.findall(r"^\.Sh (.*)$", source(page.name), re.MULTILINE)
    assert headings[0] == "NAME"
    assert headings[-2:] == ["EXAMPLES", "SEE ALSO"]


def test_references() -> None:
    """A page of ours that another one refers to exists, under that section."""
    ours = {tuple(page.name.rsplit(".", 1)) for page in PAGES}
    referred = set()
    for page in PAGES:
        found = re.findall(
            r"^\.(?:It )?Xr (postfix-rest-\S+) (\d)", source(page.name), re.MULTILINE
        )
        referred |= set(found)
    assert referred == ours


def units() -> list[Path]:
    """The unit files, without drop-ins."""
    return sorted(path for path in (ROOT / "systemd/system").iterdir() if path.is_file())


@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.name)
def test_units(unit: Path) -> None:
    """Each unit names its pages, by itself or in the drop-in that it shares; they exist."""
    files = [unit]
    if unit.name.startswith("postfix-rest-"):
        files += sorted(unit.parent.glob(f"postfix-rest-@{unit.suffix}.d/*.conf"))
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    named = re.findall(r"^Documentation=(.*)$", text, re.MULTILINE)
    assert named
    pages = re.findall(r"man:([^(]+)\((\d)\)", " ".join(named))
    assert {f"{name}.{section}" for name, section in pages} <= {page.name for page in PAGES}


# -- against the code


def options_in(text: str) -> set[str]:
    """The options that the lists in a part of a page explain."""
    words = [word for tag in list_tags(text) for word in re.findall(r"Fl (\S+)", tag)]
    return {f"-{word}" for word in words}


@pytest.mark.parametrize("command", COMMANDS)
def test_subcommand(command: str) -> None:
    """A subcommand has a section with all of its options and no others, and stands in SYNOPSIS."""
    parts = sections(COMMAND_PAGE)
    assert f".Cm {command}\n" in parts["SYNOPSIS"]
    assert options_in(parts[command]) == options_of(subcommands()[command])


def test_exit_statuses() -> None:
    """The page has the exit statuses that --help of the subcommands has, and no others."""
    told = [
        parser.format_help().partition("\nexit status:\n")[2] for parser in subcommands().values()
    ]
    statuses = {status for text in told for status in re.findall(r"^  (\d+) ", text, re.MULTILINE)}
    tags = list_tags(sections(COMMAND_PAGE)["EXIT STATUS"])
    assert {tag for tag in tags if tag.isdigit()} == statuses


@pytest.mark.parametrize("name", COMMANDS)
def test_exit_statuses_in_a_section(name: str) -> None:
    """A status that the section of a command mentions is one that its --help has."""
    told = subcommands()[name].format_help().partition("\nexit status:\n")[2]
    text = sections(COMMAND_PAGE)[name].replace("\n", " ")
    mentioned = re.findall(r"(?:exit status is|exits? with) (\d+)", text, re.IGNORECASE)
    assert set(mentioned) <= set(re.findall(r"^  (\d+) ", told, re.MULTILINE))


def test_no_other_subcommands() -> None:
    """Only subcommands have a section between COMMANDS and the next heading."""
    text = source(COMMAND_PAGE)
    part = text[text.index(".Sh COMMANDS") :].split("\n.Sh ")[0]
    assert sorted(re.findall(r"^\.Ss (\S+)$", part, re.MULTILINE)) == sorted(COMMANDS)


def test_mentions() -> None:
    """A subcommand that a page, the message catalog or README mentions exists, with its options."""
    texts = [source(page.name) for page in PAGES] + [CATALOG.read_text(encoding="utf-8")]
    # Not where it is the name of a group, as in root:postfix-rest-inetd.
    found = re.findall(r"(?<!:)(?<!-g )postfix-rest-inetd ([a-z][a-z-]+)(.*)", "\n".join(texts))
    # In README, where the name is a word of many sentences, only commands.
    readme = README.read_text(encoding="utf-8")
    found += re.findall(
        r"(?:^    (?:\$ )?|`)postfix-rest-inetd ([a-z][a-z-]+)(.*)", readme, re.MULTILINE
    )
    assert len(found) > 20
    known = {command: options_of(parser) for command, parser in subcommands().items()}
    assert [
        (command, rest)
        for command, rest in found
        if command not in known or not set(re.findall(r"--[a-z-]+", rest)) <= known[command]
    ] == []


def test_handler_options() -> None:
    """The handler's options are those of its own --help."""
    explained = options_in(sections(HANDLER_PAGE)["OPTIONS"])
    assert explained == set(re.findall(r"^  (--[a-z-]+)", __main__.HELP, re.MULTILINE))


def test_outcomes() -> None:
    """The table of outcomes has each, with its priority and MESSAGE_ID."""
    names = {3: "3 err", 4: "4 warning", 5: "5 notice"}
    rows = [tag.split(" Ta ") for tag in list_tags(sections(HANDLER_PAGE)["Outcomes"])]
    assert {row[0]: row[1:] for row in rows if len(row) == 3} == {
        outcome: [names[priority], message_id]
        for outcome, (message_id, priority, _) in log_entry._OUTCOMES.items()
    }


def journal_fields() -> set[str]:
    """The fields of entries: of requests of which everything is known, and of trouble."""
    facts = log_entry.Facts()
    facts.status, facts.start_usec, facts.detail, facts.target = 200, 1, "why", "http://x"
    attributes = [(attribute, b"1") for attribute, _ in log_entry._POLICY_FIELDS]
    requests = {
        "socketmap-lookup": model.LookupRequest(b"key", b"map"),
        "policy": model.PolicyRequest(attributes),
    }
    reply = model.Reply(model.ACTION, model.REPLY_VALUE, "DUNNO")
    made = [
        log_entry.of_request(endpoint(mode), request, reply, facts)
        for mode, request in requests.items()
    ]
    facts.source = log_entry.STALE
    found = model.Reply(model.FOUND, model.REPLY_VALUE, "x")
    made.append(
        log_entry.of_request(endpoint("tcp-lookup"), model.LookupRequest(b"k"), found, facts)
    )
    made.append(log_entry.of_unusable_config("policy", "why", 1))
    return {name for fields in made for name in fields if name.startswith("POSTFIX_REST_")}


def test_journal_fields() -> None:
    """Each field of an entry is explained, and no other."""
    page = sections(HANDLER_PAGE)
    explained = page["Journal fields"] + page["Outcomes"]
    assert set(re.findall("POSTFIX_REST_[A-Z_]+", explained)) == journal_fields()


def test_length_of_the_detail() -> None:
    """The page tells how long the detail may be."""
    _, _, text = sections(HANDLER_PAGE)["Journal fields"].partition(
        "\n.It Li POSTFIX_REST_DETAIL\n"
    )
    assert f"{log_entry.MAX_FIELD_CHARACTERS} characters" in text.partition("\n.It")[0]


def keys_of(words: str) -> list[Question]:
    """The questions that a display of the page of keys is about."""
    if words == "TABLE":
        return list(TABLE)
    return [question for question in FORMS if question.mail.partition(",")[0] == words]


def test_keys() -> None:
    """What Postfix asks for is shown as it was measured, all of it that ASCII can show."""
    shown_there = displays(KEYS_PAGE, "keys")
    assert len(shown_there) > 5
    for words, text in shown_there.items():
        assert shown(keys_of(words)) == text
    told = [question for words in shown_there for question in keys_of(words)]
    left_out = {*TABLE, *FORMS} - set(told)
    assert {question.mail for question in left_out} == {"UTF-8"}


@pytest.mark.parametrize("block", blocks(CONFIG_PAGE), ids=["least", "most"])
def test_example_configurations(block) -> None:
    """The examples are configurations that can be used."""
    assert loading.parse(block.text.encode(), "example").endpoints
