//! The names of secrets. The host's masks apply to every kept payload and every change, whatever a policy returns, so
//! this policy declares none. It hides the values of secret fields itself, so that they never leave it.

#[path = "names.rs"]
mod names;

/// Whether a field of this name, or a part of this path, holds a secret: by the host's list.
pub(super) fn is_secret(field: &str) -> bool {
    let keys = || names::LISTS.iter().flat_map(|(_, keys)| keys.iter().copied());
    let is_sure = |name| names::secrecy(name, keys()) == Some(names::Secrecy::Sure);
    field.split('.').any(|name| is_sure(name) || is_likely(name))
}

/// A name that is one of other things as well, but not in the configuration of a platform.
fn is_likely(name: &str) -> bool {
    names::secrecy(name, ["-pass"]).is_some() || names::is_key_of_environment(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_in_every_spelling() {
        for field in [
            "password",
            "API-Key",
            "apiKey",
            "Set-Cookie",
            "clientSecret",
            "CODE_VERIFIER",
            "providers.openai.api_key",
            "stripe_api_key",
            "token2",
            "credentials.user",
            "env.STRIPE_KEY",
            "smtp.pass",
            "DB_PASS",
        ] {
            assert!(is_secret(field), "{field}");
        }
        for field in
            ["", "model", "retention_days", "token_name", "max_tokens", "name", "shipping", "model.name", "bypass"]
        {
            assert!(!is_secret(field), "{field}");
        }
    }
}
