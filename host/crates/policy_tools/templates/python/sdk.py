"""Helpers for a policy.

A domain is a list of tokens in Odoo's prefix notation; terms that follow each other are ANDed.
"""

import functools
import re

from wit_world.imports.types import (
    Comparison,
    Leaf,
    Operand_Value,
    Token_AnyOf,
    Token_Leaf,
    Value_Text,
    Value_Unset,
)


def leaf(field, comparison, operands):
    return [Token_Leaf(Leaf(field, comparison, operands))]


def is_(field, text):
    """`(field, "=", text)`."""
    return leaf(field, Comparison.EQUAL, [Operand_Value(Value_Unset() if text is None else Value_Text(text))])


def of_tenant(viewer):
    """The entries of the viewer's tenant; a viewer without a tenant sees those of none."""
    return is_("instance", viewer.instance)


def any_of(domains):
    """The entries that match one of the domains, each a single term or empty; without domains, no entry."""
    if not domains:
        return leaf("id", Comparison.IN_LIST, [])
    if not all(domains):
        return []
    return [Token_AnyOf() for _ in domains[1:]] + [token for domain in domains for token in domain]


def held(groups, assigned):
    """The assigned groups that are declared, and all that they imply."""
    found = [group.name for group in groups if group.name in assigned]
    for name in found:
        implied = next(group.implies for group in groups if group.name == name)
        found.extend(group for group in implied if group not in found)
    # In the order of the table.
    return [group.name for group in groups if group.name in found]


def cut(text):
    """A text of at most 1,024 bytes: the host treats too long an answer as a fault, and a caller chooses names."""
    if len(text) * 4 <= 1_024:
        return text
    coded = text.encode()
    return text if len(coded) <= 1_024 else coded[:1_021].decode(errors="ignore") + "…"


def is_action(text):
    """Whether a text is `<resource>.<verb>`."""
    return text is not None and len(text) <= 64 and re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", text)


def setting(settings, key):
    """The value of a setting."""
    value = next((setting.value for setting in settings if setting.key == key), None)
    return getattr(value, "value", None)


# The message of the last error, where `mcp-audit-log policy test` finds it.
left = None


def failing(function):
    """The function, which leaves the message of an error in memory."""

    @functools.wraps(function)
    def run(*values):
        try:
            return function(*values)
        except Exception as error:
            global left
            at = error.__traceback__
            while at.tb_next is not None:
                at = at.tb_next
            message = f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}: {error!r}".encode()
            left = b"mcp-audit-log-panic" + b":%d:" % len(message) + message
            raise

    return run
