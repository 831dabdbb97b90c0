// The extension {{name}}, over any policy: an action, a filter, a group and a mask.
//
// The functions are pure: the same arguments give the same answer, and nothing is remembered between calls.

#include "sdk.h"

// The events that `amend` is asked about, and the entries that the group sees.
static audit_domain_t orders(void) { return is("server", SOME(audit_option_string_t, TEXT("shop"))); }

void exports_extension_declares(exports_extension_extension_manifest_t *manifest) {
    *manifest = (exports_extension_extension_manifest_t){0};
    manifest->name = TEXT("{{name}}");
    manifest->version = TEXT("0.1.0");
    manifest->summary = TEXT("What {{name}} adds to the policy below");
    manifest->groups = LIST(exports_extension_list_group_t, {TEXT("seller"), TEXT("Seller")});
    manifest->access = LIST(exports_extension_list_access_line_t,
                            {EXPORTS_EXTENSION_ACCESS_EFFECT_PERMISSION, SOME(audit_option_string_t, TEXT("seller")),
                             NAMES(TEXT("read")), orders()});
    // A new name begins with the extension's name and a dot.
    manifest->filters = LIST(exports_extension_list_saved_filter_t,
                             {TEXT("{{name}}.orders"), TEXT("Orders"),
                              is("action", SOME(audit_option_string_t, TEXT("{{name}}.placed")))});
    manifest->actions = LIST(exports_extension_list_action_t, {TEXT("{{name}}.placed"), TEXT("Order placed")});
    audit_list_string_t patterns =
        NAMES(TEXT("\\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\\b"));
    manifest->masks = LIST(exports_extension_list_mask_t, {TEXT("{{name}}.ibans"), NAMES(TEXT("*iban")), patterns});
    // What `amend` reads of an event, beside the verdict: so verdicts are remembered.
    audit_list_string_t channels =
        NAMES(TEXT("mcp"), TEXT("stdio"), TEXT("oauth"), TEXT("api"), TEXT("admin"), TEXT("system"));
    manifest->depends = LIST(exports_extension_list_dependencies_t,
                             {channels, NAMES(TEXT("method"), TEXT("target")), {0}, {0}});
    manifest->interest = orders();
}

void exports_extension_amend(exports_extension_list_setting_t *settings, exports_extension_list_event_t *events,
                             exports_extension_list_verdict_t *verdicts, exports_extension_list_amendment_t *amended) {
    (void)settings;
    amended->len = events->len;
    amended->ptr = taken(events->len * sizeof *amended->ptr);
    for (size_t at = 0; at < events->len; at++) {
        const audit_event_t *event = &events->ptr[at];
        exports_extension_amendment_t *amendment = &amended->ptr[at];
        amendment->event = at;
        if (has(event->method, "tools/call") && has(event->target, "place_order"))
            amendment->action = SOME(audit_option_string_t, TEXT("{{name}}.placed"));
        if (verdicts->ptr[at].payload.tag != AUDIT_PAYLOAD_DECISION_KEEP) continue;
        // The smaller size counts, and the masks of all layers apply.
        amendment->payload.is_some = true;
        amendment->payload.val.tag = AUDIT_PAYLOAD_DECISION_KEEP;
        amendment->payload.val.val.keep.masks = NAMES(TEXT("{{name}}.ibans"));
        amendment->payload.val.val.keep.max_bytes = UINT32_MAX;
    }
}
