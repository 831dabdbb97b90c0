#include "sdk.h"

#include <stdlib.h>

// An allocator for one call: it takes memory and never frees any.
static uint8_t *next, *end;

static void *aligned(size_t align, size_t bytes) {
    uintptr_t begin = ((uintptr_t)next + align - 1) & ~(uintptr_t)(align - 1);
    if (next == 0 || begin + bytes > (uintptr_t)end) {
        size_t pages = (bytes + align + 0xffff) / 0x10000 + 3;
        size_t before = __builtin_wasm_memory_grow(0, pages);
        if (before == (size_t)-1) __builtin_trap();
        next = (uint8_t *)(before * 0x10000);
        end = next + pages * 0x10000;
        begin = (uintptr_t)next;
    }
    next = (uint8_t *)begin + bytes;
    return (void *)begin;
}

void *malloc(size_t bytes) { return aligned(16, bytes); }
void *calloc(size_t items, size_t bytes) { return memset(malloc(items * bytes), 0, items * bytes); }
void free(void *block) { (void)block; }

// How long the old block was is not known: what is behind it is copied too, and overwritten. It is inside of the memory.
void *realloc(void *block, size_t bytes) {
    uint8_t *new = malloc(bytes);
    if (block != 0) memmove(new, block, bytes);
    return new;
}

// Instructions of WebAssembly.
void *memcpy(void *to, const void *from, size_t bytes) { return __builtin_memcpy(to, from, bytes); }
void *memmove(void *to, const void *from, size_t bytes) { return __builtin_memmove(to, from, bytes); }
void *memset(void *to, int byte, size_t bytes) { return __builtin_memset(to, byte, bytes); }

int memcmp(const void *left, const void *right, size_t bytes) {
    const uint8_t *one = left, *other = right;
    for (size_t at = 0; at < bytes; at++)
        if (one[at] != other[at]) return one[at] - other[at];
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

int strcmp(const char *left, const char *right) {
    size_t length = strlen(left);
    return memcmp(left, right, (length < strlen(right) ? length : strlen(right)) + 1);
}

_Noreturn void abort(void) { __builtin_trap(); }

void *taken(size_t bytes) { return calloc(1, bytes); }
void *copied(const void *from, size_t bytes) { return memcpy(malloc(bytes), from, bytes); }

audit_string_t joined(audit_string_t text, const char *behind) {
    audit_string_t whole = {malloc(text.len + strlen(behind)), text.len + strlen(behind)};
    memcpy(whole.ptr, text.ptr, text.len);
    memcpy(whole.ptr + text.len, behind, strlen(behind));
    return whole;
}

audit_option_string_t cut(audit_option_string_t text) {
    if (!text.is_some || text.val.len <= 1024) return text;
    size_t end = 1021;
    // Not within a character.
    while (end > 0 && (text.val.ptr[end] & 0xc0) == 0x80) end--;
    audit_string_t beginning = {text.val.ptr, end};
    return (audit_option_string_t){true, joined(beginning, "\xe2\x80\xa6")};
}

bool equals(audit_string_t text, const char *other) {
    return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

bool has(audit_option_string_t text, const char *other) { return text.is_some && equals(text.val, other); }

bool is_action(audit_option_string_t text) {
    if (!text.is_some || text.val.len > 64) return false;
    bool begins = true, dotted = false;
    for (size_t at = 0; at < text.val.len; at++) {
        uint8_t byte = text.val.ptr[at];
        bool letter = byte >= 'a' && byte <= 'z', more = letter || (byte >= '0' && byte <= '9') || byte == '_';
        if (begins ? !letter : !more && byte != '.') return false;
        begins = byte == '.';
        dotted |= begins;
    }
    return dotted && !begins;
}

static audit_domain_t leaf(const char *field, audit_comparison_t comparison, audit_list_operand_t operands) {
    audit_token_t token = {.tag = AUDIT_TOKEN_LEAF};
    token.val.leaf = (audit_leaf_t){{(uint8_t *)field, strlen(field)}, comparison, operands};
    return (audit_domain_t){copied(&token, sizeof token), 1};
}

audit_domain_t is(const char *field, audit_option_string_t text) {
    audit_operand_t operand = {.tag = AUDIT_OPERAND_VALUE};
    operand.val.value.tag = text.is_some ? AUDIT_VALUE_TEXT : AUDIT_VALUE_UNSET;
    if (text.is_some) operand.val.value.val.text = text.val;
    return leaf(field, AUDIT_COMPARISON_EQUAL, (audit_list_operand_t){copied(&operand, sizeof operand), 1});
}

audit_domain_t never(void) { return leaf("id", AUDIT_COMPARISON_IN_LIST, (audit_list_operand_t){0}); }

static audit_domain_t in_order(audit_domain_t first, audit_domain_t left, audit_domain_t right) {
    size_t size = sizeof(audit_token_t), tokens = first.len + left.len + right.len;
    audit_token_t *all = taken(tokens * size);
    if (first.len > 0) memcpy(all, first.ptr, first.len * size);
    if (left.len > 0) memcpy(all + first.len, left.ptr, left.len * size);
    if (right.len > 0) memcpy(all + first.len + left.len, right.ptr, right.len * size);
    return (audit_domain_t){all, tokens};
}

audit_domain_t both(audit_domain_t left, audit_domain_t right) { return in_order((audit_domain_t){0}, left, right); }

audit_domain_t either(audit_domain_t left, audit_domain_t right) {
    audit_token_t any = {.tag = AUDIT_TOKEN_ANY_OF};
    if (left.len == 0 || right.len == 0) return (audit_domain_t){0};
    return in_order((audit_domain_t){&any, 1}, left, right);
}

int64_t setting_of(const audit_setting_t *settings, size_t count, const char *key) {
    for (size_t at = 0; at < count; at++) {
        const audit_setting_t *one = &settings[at];
        if (!equals(one->key, key)) continue;
        if (one->value.tag == AUDIT_VALUE_BOOLEAN) return one->value.val.boolean;
        if (one->value.tag == AUDIT_VALUE_INTEGER) return one->value.val.integer;
    }
    return 0;
}

_Noreturn void fail(const char *file, int line, const char *message) {
    // The mark, the length, a colon, and then the place and the message.
    static char left[512] = "mcp-audit-log-panic";
    char text[256], digits[12];
    size_t used = 0, count = 0;
    for (const char *from = file; *from && used < 80; from++) text[used++] = *from;
    text[used++] = ':';
    do digits[count++] = '0' + line % 10; while ((line /= 10) > 0);
    while (count > 0) text[used++] = digits[--count];
    text[used++] = ':', text[used++] = ' ';
    for (const char *from = message; *from && used < sizeof text; from++) text[used++] = *from;
    size_t at = strlen(left);
    left[at++] = ':', left[at++] = '0' + used / 100, left[at++] = '0' + used / 10 % 10, left[at++] = '0' + used % 10;
    left[at++] = ':';
    memcpy(left + at, text, used);
    __asm__ volatile("" : : "r"(left) : "memory");
    __builtin_trap();
}
