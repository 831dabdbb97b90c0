"""The extension {{name}}, over any policy: an action, a filter, a group and a mask.

The functions are pure: the same arguments give the same answer, and nothing is remembered between calls.
"""

from wit_world import exports
from wit_world.exports.extension import AccessEffect, AccessLine, Amendment, ExtensionManifest, Keeping
from wit_world.imports.types import (
    Action,
    Dependencies,
    Group,
    KeepPayload,
    Mask,
    PayloadDecision_Keep,
    SavedFilter,
)

from sdk import failing, is_

# The events that `amend` is asked about, and the entries that the group sees.
ORDERS = is_("server", "shop")


class Extension(exports.Extension):
    @failing
    def declares(self):
        return ExtensionManifest(
            name="{{name}}",
            version="0.1.0",
            summary="What {{name}} adds to the policy below",
            modules=[],
            groups=[Group("seller", "Seller", [])],
            access=[AccessLine(AccessEffect.PERMISSION, "seller", ["read"], ORDERS)],
            settings=[],
            # A new name begins with the extension's name and a dot.
            filters=[SavedFilter("{{name}}.orders", "Orders", is_("action", "{{name}}.placed"))],
            crons=[],
            actions=[Action("{{name}}.placed", "Order placed")],
            masks=[
                Mask("{{name}}.ibans", ["*iban"], [r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"])
            ],
            keeping=Keeping(None, None, None),
            # What `amend` reads of an event, beside the verdict: so verdicts are remembered.
            depends=[
                Dependencies(
                    channels=["mcp", "stdio", "oauth", "api", "admin", "system"],
                    fields=["method", "target"],
                    facts=[],
                    arguments=[],
                )
            ],
            interest=ORDERS,
            widens=[],
        )

    @failing
    def amend(self, settings, events, verdicts):
        return [amendment(at, event, verdict) for at, (event, verdict) in enumerate(zip(events, verdicts))]


def amendment(at, event, verdict):
    is_order = event.method == "tools/call" and event.target == "place_order"
    # The smaller size counts, and the masks of all layers apply.
    keep = PayloadDecision_Keep(KeepPayload(["{{name}}.ibans"], 2**32 - 1))
    payload = keep if isinstance(verdict.payload, PayloadDecision_Keep) else None
    return Amendment(at, "{{name}}.placed" if is_order else None, None, None, None, [], [], payload)
