//! Links that sign a browser in. Only this process knows their codes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_store::Token;
use sha2::{Digest, Sha256};

/// The valid links. They are in memory only and end with the process; clones share them.
#[derive(Clone, Debug, Default)]
pub struct SignInLinks(Arc<Mutex<HashMap<[u8; 32], Link>>>);

#[derive(Clone, Debug)]
struct Link {
    token: String,
    until: Option<Timestamp>,
}

/// The operating system returned no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("no sign-in link can be created: the operating system returned no random numbers: {0}")]
pub struct LinkError(getrandom::Error);

impl SignInLinks {
    /// Creates a code that signs in as the owner of `token`, valid until `until`, or as long as the process runs. The
    /// link is `<base>/sign-in/<code>`.
    ///
    /// # Errors
    /// The operating system returned no random numbers.
    pub fn create(&self, token: &Token, until: Option<Timestamp>) -> Result<String, LinkError> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(LinkError)?;
        let code = URL_SAFE_NO_PAD.encode(random);
        let link = Link { token: token.id.clone(), until };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash(&code), link);
        Ok(code)
    }

    /// The id of the token for `code`.
    pub(crate) fn token_id(&self, code: &str, now: Timestamp) -> Option<String> {
        let links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let link = links.get(&hash(code))?;
        link.until.is_none_or(|until| now < until).then(|| link.token.clone())
    }
}

/// Looked up by hash, so that the time of a lookup does not reveal codes.
fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_valid_until_it_expires() {
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = mcp_audit_log_store::Tokens::open(folder.path()).expect("tokens");
        let anna = mcp_audit_log_contract::access::Viewer::new("anna", ["user"]);
        let (_, token) = tokens.create(&anna, "link", Timestamp::EPOCH).expect("a token");
        let links = SignInLinks::default();
        let now = Timestamp::from_micros(10);
        let lasting = links.create(&token, None).expect("a code");
        let short = links.clone().create(&token, Some(now)).expect("a code");
        assert_ne!(lasting, short);
        assert_eq!(links.token_id(&lasting, now).as_deref(), Some(token.id.as_str()));
        assert_eq!(links.token_id(&short, now.plus(-1)).as_deref(), Some(token.id.as_str()));
        assert_eq!(links.token_id(&short, now), None);
        assert_eq!(links.token_id("", now), None);
        assert!(!format!("{links:?}").contains(&lasting), "only hashes are kept");
    }
}
