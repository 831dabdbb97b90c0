//! The function in which a policy trapped, by the names of its backtrace.
//!
//! The message of a panic stays in the component, which can print nowhere; so the function is what helps an author.

/// Crates of Rust's own library, and of what it calls to panic.
const OTHERS: [&str; 4] = ["core", "std", "alloc", "__rustc"];

/// Longest name that is shown, in identifiers.
const LONGEST: usize = 8;
/// How many functions are shown.
const CALLERS: usize = 3;

/// The innermost functions that are the author's own, with those that called them.
pub(super) fn author_functions<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    // A name with `#` is that of an export.
    let own = names
        .filter(|name| !name.contains('#'))
        .map(path)
        .filter(|path| path.first().is_some_and(|first| !OTHERS.contains(first)));
    let mut own: Vec<_> = own.map(|path| path.into_iter().take(LONGEST).collect::<Vec<_>>().join("::")).collect();
    // A closure has the name of its function.
    own.dedup();
    own.truncate(CALLERS);
    (!own.is_empty()).then(|| own.join(", called by "))
}

/// The identifiers of a symbol in either mangling of Rust (`_RNv…`, `_ZN…`), or of a name as it is. Generic arguments and
/// hashes are left out.
fn path(symbol: &str) -> Vec<&str> {
    let older = symbol.strip_prefix("_ZN");
    let Some(mangled) = symbol.strip_prefix("_R").or(older) else {
        return symbol.trim_start_matches('<').split("::").filter(|part| !is_hash(part)).collect();
    };
    let (mut path, mut rest) = (Vec::new(), mangled);
    while let Some(next) = rest.chars().next() {
        match next {
            // Disambiguators and references back end with an underscore.
            's' | 'B' => rest = rest.split_once('_').map_or("", |(_, rest)| rest),
            '0'..='9' => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let (length, name) = rest.split_at(digits);
                // An identifier that begins with a digit or an underscore has another one before it.
                let name = name.strip_prefix('_').filter(|_| older.is_none()).unwrap_or(name);
                let Some((identifier, after)) = length.parse().ok().and_then(|end| name.split_at_checked(end)) else {
                    break;
                };
                // `<crate::Type as Trait>`
                let (identifier, _) = identifier.split_once("$u20$").unwrap_or((identifier, ""));
                let implemented = identifier.trim_start_matches('_').strip_prefix("$LT$");
                path.extend(
                    implemented.unwrap_or(identifier).split("..").filter(|part| !part.is_empty() && !is_hash(part)),
                );
                rest = after;
            }
            'E' => break,
            other => rest = rest.get(other.len_utf8()..).unwrap_or_default(),
        }
    }
    path
}

/// What older manglings append.
fn is_hash(part: &str) -> bool {
    part.strip_prefix('h').is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_function_of_the_author_is_named() {
        let names = [
            "_RNvCsfLfy6EI15iL_7___rustc12___rust_abort",
            "_RNvNtCsebHcaeoSrxy_3std9panicking15panic_with_hook",
            "_RNCNvNtCsebHcaeoSrxy_3std9panicking13panic_handler0B5_",
            "_ZN25mcp_audit_log_evil_policy5fault5panic17h5cbf5b281a51682aE",
            "_RNvNtCs1JLn9kY7G3_25mcp_audit_log_evil_policy5judge5judge",
            "_RNCNvNtCs1JLn9kY7G3_25mcp_audit_log_evil_policy5judge5judge0B5_",
        ];
        let expected = "mcp_audit_log_evil_policy::fault::panic, called by mcp_audit_log_evil_policy::judge::judge";
        assert_eq!(author_functions(names.into_iter()).as_deref(), Some(expected));
        assert_eq!(author_functions(names.into_iter().take(3)), None);
    }

    #[test]
    fn symbols_of_any_kind_are_read() {
        for (symbol, expected) in [
            ("_RNCNvNtCs1JLn9kY7G3_4evil5judge3one0B5_", "evil::judge::one"),
            ("_RINvNtCs1JLn9kY7G3_4evil5judge3alljNtB2_4ModeEB4_", "evil::judge::all::Mode"),
            ("evil::judge::one::h0123456789abcdef", "evil::judge::one"),
            ("_ZN4evil5judge3one17h0123456789abcdefE", "evil::judge::one"),
            (
                "_ZN52_$LT$evil..Evil$u20$as$u20$evil..bindings..Guest$GT$5judge17h0123456789abcdefE",
                "evil::Evil::judge",
            ),
            ("policy_judge", "policy_judge"),
            ("_R99x", ""),
            ("_R", ""),
        ] {
            assert_eq!(path(symbol).join("::"), expected, "{symbol}");
        }
    }
}
