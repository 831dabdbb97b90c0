"""The policy {{name}}: what calls are named, who sees which entries, what is kept and for how long.

Four pure functions: the same arguments give the same answer, and nothing is remembered between calls.
"""

from wit_world import exports
from wit_world.exports.policy import PolicyManifest
from wit_world.imports.types import (
    Action,
    Affected,
    Cron,
    Dependencies,
    Grant,
    Group,
    KeepPayload,
    Mask,
    PayloadDecision_Keep,
    PayloadDecision_None_,
    RetentionPlan,
    SavedFilter,
    SettingField,
    SettingType,
    Value_Boolean,
    Value_Integer,
    Verdict,
)

from sdk import any_of, cut, failing, held, is_, is_action, of_tenant, setting

DAY = 86_400_000_000
# Every policy declares these two; the host reads them.
LOG_PAYLOADS = "log_payloads"
RETENTION_DAYS = "retention_days"
PAYLOAD_KIB = "payload_kib"

GROUPS = [
    Group("user", "User", []),
    Group("seller", "Seller", ["user"]),
    Group("admin", "Administrator", ["user"]),
    Group("auditor", "Auditor", []),
    Group("service", "Service", []),
]

# What each group may do; whatever is not listed is denied.
RIGHTS = {
    "user": ["read", "read-usage"],
    "admin": ["read", "export", "read-usage", "configure", "manage", "verify"],
    "auditor": ["read", "read-payloads", "export", "export-payloads", "read-usage", "verify"],
    "service": ["record"],
}

# Which entries each group sees; with several groups, those of each of them.
RULES = {
    "user": lambda viewer: is_("user", viewer.user),
    "seller": lambda viewer: is_("server", "shop"),
    "admin": lambda viewer: [],
    "auditor": lambda viewer: [],
}


class Policy(exports.Policy):
    @failing
    def manifest(self):
        return PolicyManifest(
            name="{{name}}",
            version="0.1.0",
            summary="What {{name}} records, who sees it, and how long it is kept",
            groups=GROUPS,
            settings=[
                SettingField(
                    LOG_PAYLOADS,
                    "Log request and response payloads",
                    "Off: only metadata is recorded.",
                    SettingType.BOOLEAN,
                    Value_Boolean(False),
                    None,
                    None,
                ),
                SettingField(
                    RETENTION_DAYS,
                    "Retention (days)",
                    "The daily cleanup deletes older entries.",
                    SettingType.INTEGER,
                    Value_Integer(90),
                    1,
                    36_500,
                ),
                SettingField(
                    PAYLOAD_KIB,
                    "Longest payload (KiB)",
                    "The rest of a longer payload is cut.",
                    SettingType.INTEGER,
                    Value_Integer(64),
                    1,
                    64,
                ),
            ],
            filters=[SavedFilter("orders", "Orders", is_("action", "order.placed"))],
            crons=[Cron("Cleanup", "17 3 * * *", "retention")],
            actions=[Action("tool.called", "Tool called"), Action("order.placed", "Order placed")],
            masks=[Mask("ibans", ["*iban"], [r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"])],
            # What `judge` reads, and nothing else: so verdicts are remembered.
            depends=[
                Dependencies(
                    channels=["mcp", "stdio", "oauth", "api", "admin", "system"],
                    fields=["channel", "method", "target", "has-payload"],
                    facts=[],
                    arguments=[],
                )
            ],
        )

    @failing
    def judge(self, settings, events):
        # The settings are read once, and not again for each event.
        size = setting(settings, PAYLOAD_KIB) * 1024 if setting(settings, LOG_PAYLOADS) else None
        return [rule(size, at, event) for at, event in enumerate(events)]

    @failing
    def access(self, settings, viewer):
        groups = held(GROUPS, viewer.groups)
        rights = list(dict.fromkeys(right for group in groups for right in RIGHTS.get(group, [])))
        if viewer.instance is not None:
            rights = [right for right in rights if right != "configure"]
        rules = any_of([RULES[group](viewer) for group in groups if group in RULES])
        # An empty name would match entries without a user.
        rule = of_tenant(viewer) + rules if viewer.user.strip() else any_of([])
        return Grant(rights, rule, rule)

    @failing
    def retention(self, settings, now):
        days = setting(settings, RETENTION_DAYS) or 0
        return RetentionPlan(now - days * DAY if days > 0 else None, None, None)


def rule(size, at, event):
    action, affected = f"{event.channel}.recorded", None
    if event.method == "tools/call":
        action = "order.placed" if event.target == "place_order" else "tool.called"
        affected = None if event.target is None else Affected("tool", None, cut(event.target))
    elif event.channel in ("admin", "system") and is_action(event.method):
        action = event.method
    return Verdict(at, action, affected, None, None, [], [], payload(size, event))


def payload(size, event):
    if size is None or not event.has_payload or event.channel == "oauth":
        return PayloadDecision_None_()
    return PayloadDecision_Keep(KeepPayload(["ibans"], size))
