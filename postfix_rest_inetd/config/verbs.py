# SPDX-License-Identifier: MIT
"""The value of `allowed-actions`: the words that an action of the backend may begin with."""

from __future__ import annotations

from ..action import checked_action, verb_of


def checked(value: object, most: int) -> list[str]:
    """The words as they are.

    Raises:
        ValueError: the value is not a list of at most `most` words that can begin an action.
    """
    if not isinstance(value, list) or not all(_is_word(verb) for verb in value):
        raise ValueError(
            'must be a list of actions without their texts, as in ["DUNNO", "REJECT", "450"]'
        )
    if len(value) > most:
        raise ValueError(f"has {len(value)} entries, and may have {most}")
    for verb in value:
        if verb_of(verb) is None:  # it can only be an action by itself
            try:
                checked_action(verb)
            except ValueError as error:
                raise ValueError(f"no action may be {verb!r}: {error}") from None
    return list(value)


def _is_word(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isprintable()
        and value.isascii()
        and value[:1].isalnum()
        and not any(character in " ,{}" for character in value)
    )
