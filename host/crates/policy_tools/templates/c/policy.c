// The policy {{name}}: what calls are named, who sees which entries, what is kept and for how long.
//
// Four pure functions: the same arguments give the same answer, and nothing is remembered between calls.

#include "sdk.h"

#define DAY INT64_C(86400000000)
// Every policy declares these two; the host reads them.
#define LOG_PAYLOADS "log_payloads"
#define RETENTION_DAYS "retention_days"
#define PAYLOAD_KIB "payload_kib"

enum { USER, SELLER, ADMIN, AUDITOR, SERVICE, GROUPS };

static const struct {
    const char *name, *label;
    int implies;
    // What the group may do; whatever is not listed is denied.
    const char *rights[8];
} groups[GROUPS] = {
    [USER] = {"user", "User", -1, {"read", "read-usage"}},
    [SELLER] = {"seller", "Seller", USER, {0}},
    [ADMIN] = {"admin", "Administrator", USER, {"read", "export", "read-usage", "configure", "manage", "verify"}},
    [AUDITOR] = {"auditor", "Auditor", -1, {"read", "read-payloads", "export", "export-payloads", "read-usage", "verify"}},
    [SERVICE] = {"service", "Service", -1, {"record"}},
};

static audit_string_t text(const char *constant) {
    return (audit_string_t){(uint8_t *)constant, strlen(constant)};
}

static audit_group_t declared(int group) {
    int implied = groups[group].implies;
    audit_list_string_t implies = {0};
    if (implied >= 0) implies = NAMES(text(groups[implied].name));
    return (audit_group_t){text(groups[group].name), text(groups[group].label), implies};
}

static audit_setting_field_t number(const char *key, const char *label, const char *help, int64_t preset, int64_t most) {
    audit_setting_field_t field = {text(key), text(label), text(help), AUDIT_SETTING_TYPE_INTEGER};
    field.default_ = (audit_value_t){AUDIT_VALUE_INTEGER, {.integer = preset}};
    field.minimum = (audit_option_s64_t){true, 1};
    field.maximum = (audit_option_s64_t){true, most};
    return field;
}

void exports_policy_manifest(exports_policy_policy_manifest_t *manifest) {
    manifest->name = TEXT("{{name}}");
    manifest->version = TEXT("0.1.0");
    manifest->summary = TEXT("What {{name}} records, who sees it, and how long it is kept");
    manifest->groups = LIST(exports_policy_list_group_t, declared(USER), declared(SELLER), declared(ADMIN),
                            declared(AUDITOR), declared(SERVICE));
    audit_setting_field_t log_payloads = {TEXT(LOG_PAYLOADS), TEXT("Log request and response payloads"),
                                          TEXT("Off: only metadata is recorded."), AUDIT_SETTING_TYPE_BOOLEAN};
    log_payloads.default_ = (audit_value_t){AUDIT_VALUE_BOOLEAN, {.boolean = false}};
    manifest->settings = LIST(
        exports_policy_list_setting_field_t, log_payloads,
        number(RETENTION_DAYS, "Retention (days)", "The daily cleanup deletes older entries.", 90, 36500),
        number(PAYLOAD_KIB, "Longest payload (KiB)", "The rest of a longer payload is cut.", 64, 64));
    manifest->filters =
        LIST(exports_policy_list_saved_filter_t,
             {TEXT("orders"), TEXT("Orders"), is("action", SOME(audit_option_string_t, TEXT("order.placed")))});
    manifest->crons = LIST(exports_policy_list_cron_t, {TEXT("Cleanup"), TEXT("17 3 * * *"), TEXT("retention")});
    manifest->actions = LIST(exports_policy_list_action_t, {TEXT("tool.called"), TEXT("Tool called")},
                             {TEXT("order.placed"), TEXT("Order placed")});
    manifest->masks = LIST(exports_policy_list_mask_t, {TEXT("ibans"), NAMES(TEXT("*iban")),
                                                        NAMES(TEXT("\\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\\b"))});
    // What `judge` reads, and nothing else: so verdicts are remembered.
    audit_list_string_t channels =
        NAMES(TEXT("mcp"), TEXT("stdio"), TEXT("oauth"), TEXT("api"), TEXT("admin"), TEXT("system"));
    audit_list_string_t fields = NAMES(TEXT("channel"), TEXT("method"), TEXT("target"), TEXT("has-payload"));
    manifest->depends = LIST(exports_policy_list_dependencies_t, {channels, fields, {0}, {0}});
}

static audit_payload_decision_t payload(const exports_policy_list_setting_t *settings, const audit_event_t *event) {
    audit_payload_decision_t decision = {AUDIT_PAYLOAD_DECISION_NONE};
    if (setting(settings, LOG_PAYLOADS) && event->has_payload && !equals(event->channel, "oauth")) {
        decision.tag = AUDIT_PAYLOAD_DECISION_KEEP;
        decision.val.keep.masks = NAMES(TEXT("ibans"));
        decision.val.keep.max_bytes = (uint32_t)setting(settings, PAYLOAD_KIB) * 1024;
    }
    return decision;
}

static void rule(const audit_event_t *event, audit_verdict_t *verdict) {
    if (has(event->method, "tools/call")) {
        verdict->action = has(event->target, "place_order") ? TEXT("order.placed") : TEXT("tool.called");
        verdict->affected.is_some = event->target.is_some;
        verdict->affected.val = (audit_affected_t){TEXT("tool"), {0}, cut(event->target)};
    } else if ((equals(event->channel, "admin") || equals(event->channel, "system")) && is_action(event->method)) {
        verdict->action = event->method.val;
    } else {
        verdict->action = joined(event->channel, ".recorded");
    }
}

void exports_policy_judge(exports_policy_list_setting_t *settings, exports_policy_list_event_t *events,
                          exports_policy_list_verdict_t *verdicts) {
    verdicts->len = events->len;
    verdicts->ptr = taken(events->len * sizeof *verdicts->ptr);
    for (size_t at = 0; at < events->len; at++) {
        verdicts->ptr[at].event = at;
        verdicts->ptr[at].payload = payload(settings, &events->ptr[at]);
        rule(&events->ptr[at], &verdicts->ptr[at]);
    }
}

static bool assigned(const audit_viewer_t *viewer, const char *group) {
    for (size_t at = 0; at < viewer->groups.len; at++)
        if (equals(viewer->groups.ptr[at], group)) return true;
    return false;
}

// Which entries a group sees; with several groups, those of each of them.
static audit_domain_t rule_of(int group, const audit_viewer_t *viewer) {
    switch (group) {
        case USER: return is("user", SOME(audit_option_string_t, viewer->user));
        case SELLER: return is("server", SOME(audit_option_string_t, TEXT("shop")));
        case SERVICE: return never();
        default: return (audit_domain_t){0};
    }
}

static bool is_blank(audit_string_t text) {
    for (size_t at = 0; at < text.len; at++)
        if (text.ptr[at] > ' ') return false;
    return true;
}

void exports_policy_access(exports_policy_list_setting_t *settings, exports_policy_viewer_t *viewer,
                           exports_policy_grant_t *grant) {
    *grant = (exports_policy_grant_t){0};
    bool held[GROUPS];
    for (int group = 0; group < GROUPS; group++) held[group] = assigned(viewer, groups[group].name);
    held[USER] |= held[SELLER] || held[ADMIN];
    audit_domain_t rules = never();
    bool ruled = false;
    grant->rights.ptr = taken(GROUPS * 8 * sizeof(audit_string_t));
    for (int group = 0; group < GROUPS; group++) {
        if (!held[group]) continue;
        rules = ruled ? either(rules, rule_of(group, viewer)) : rule_of(group, viewer);
        ruled = true;
        for (const char *const *right = groups[group].rights; *right; right++) {
            // A viewer of one tenant decides nothing for the others.
            if (viewer->instance.is_some && strcmp(*right, "configure") == 0) continue;
            grant->rights.ptr[grant->rights.len++] = text(*right);
        }
    }
    // An empty name would match entries without a user.
    if (is_blank(viewer->user)) rules = never();
    grant->rule = grant->usage_rule = both(is("instance", viewer->instance), rules);
}

void exports_policy_retention(exports_policy_list_setting_t *settings, int64_t now,
                              exports_policy_retention_plan_t *plan) {
    int64_t days = setting(settings, RETENTION_DAYS);
    *plan = (exports_policy_retention_plan_t){0};
    plan->entries_before = (audit_option_s64_t){days > 0, now - days * DAY};
}
