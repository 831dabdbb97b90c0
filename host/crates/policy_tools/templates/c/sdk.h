// Helpers for a policy: texts, lists and domains. What a list points to may be constant or on the heap; nothing is freed,
// because the host drops the instance after each call.
#pragma once

#include <string.h>

#include "audit.h"

// A text constant, and a list of constants: `TEXT("a")`, `LIST(audit_list_string_t, TEXT("a"), TEXT("b"))`.
#define TEXT(text) ((audit_string_t){(uint8_t *)(text), sizeof(text) - 1})
#define ITEM(list) __typeof__(*((list){0}).ptr)
#define LIST(list, ...) \
    ((list){copied((ITEM(list)[]){__VA_ARGS__}, sizeof((ITEM(list)[]){__VA_ARGS__})), \
            sizeof((ITEM(list)[]){__VA_ARGS__}) / sizeof(ITEM(list))})
#define NAMES(...) LIST(audit_list_string_t, __VA_ARGS__)
#define SOME(type, value) ((type){true, value})

// Memory that lasts until the call ends, and a copy in it.
void *taken(size_t bytes);
void *copied(const void *from, size_t bytes);

// The text with something behind it.
audit_string_t joined(audit_string_t text, const char *behind);

// At most 1,024 bytes: the host treats too long an answer as a fault, and a caller chooses names.
audit_option_string_t cut(audit_option_string_t text);

bool equals(audit_string_t text, const char *other);
bool has(audit_option_string_t text, const char *other);
// Whether a text is `<resource>.<verb>`.
bool is_action(audit_option_string_t text);

// A domain is a list of tokens in Odoo's prefix notation; terms that follow each other are ANDed.
audit_domain_t is(const char *field, audit_option_string_t text);
audit_domain_t never(void);
audit_domain_t both(audit_domain_t left, audit_domain_t right);
// Each a single term or empty, which is every entry.
audit_domain_t either(audit_domain_t left, audit_domain_t right);

// The value of a setting; 0 where there is none, 1 for a switch that is on.
int64_t setting_of(const audit_setting_t *settings, size_t count, const char *key);
#define setting(settings, key) setting_of((settings)->ptr, (settings)->len, key)

// Traps, with a message for `mcp-audit-log policy test`.
#define FAIL(message) fail(__FILE__, __LINE__, message)
_Noreturn void fail(const char *file, int line, const char *message);
