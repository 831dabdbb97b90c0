//! Why a sign-in by a provider failed, in words for the user, with what to do.

use super::super::jwt::JwtError;

/// The longest part of a provider's own text that is shown, in characters.
const SHOWN: usize = 200;

/// Why a sign-in by OpenID Connect failed. The texts have no secret in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OidcError {
    /// The provider does not answer.
    #[error("the provider cannot be reached ({0}); try again later")]
    Unreachable(String),
    /// The provider's description cannot be read.
    #[error("{0} is not the description of an OpenID provider; is `issuer` right?")]
    Description(String),
    /// The provider describes another issuer.
    #[error("the provider calls itself {said:?}, and not {configured:?}; write exactly its own name as `issuer`")]
    Issuer {
        /// What the provider says.
        said: String,
        /// What is configured.
        configured: String,
    },
    /// An address of the provider is not safe.
    #[error("the provider names the address {0:?}, which is not https; it needs https unless it is on this machine")]
    Address(String),
    /// The provider lacks what this sign-in needs.
    #[error("the provider does not offer {0}, which this log needs; is it configured for another kind of client?")]
    Unsupported(&'static str),
    /// The provider does not know this log.
    #[error("the provider refused this log's credentials ({0}); check `client_id` and the client's secret")]
    Client(String),
    /// The code was redeemed or is too old.
    #[error("the provider refused this sign-in: it took too long, or was finished before; sign in again")]
    Code,
    /// The provider refused for another reason.
    #[error("the provider refused this sign-in: {0}")]
    Refused(String),
    /// The user or the provider cancelled.
    #[error("the sign-in was cancelled at the provider ({0})")]
    Cancelled(String),
    /// The provider answered with a status that says nothing.
    #[error("the provider answered with {0}; see its own log")]
    Status(u16),
    /// The provider's answer cannot be read.
    #[error("the answer of the provider's {0} cannot be read; is it an OpenID provider?")]
    Answer(&'static str),
    /// The ID token is not accepted.
    #[error("the ID token was rejected: {0}; check the claims and scopes in [sign_in.oidc]")]
    IdToken(JwtError),
    /// The logout token is not accepted.
    #[error("the logout token was rejected: {0}")]
    LogoutToken(JwtError),
    /// The answer, or its ID token, is that of another sign-in.
    #[error("the answer belongs to another sign-in; sign in again")]
    OtherSignIn,
    /// The provider's `userinfo` is about another user.
    #[error("the provider's userinfo is about another user than its ID token")]
    OtherUser,
}

impl OidcError {
    /// What a provider says in a redirection instead of a code (RFC 6749, 4.1.2.1).
    pub fn of_redirection(error: &str, description: Option<&str>) -> Self {
        match error {
            "access_denied" | "login_required" | "interaction_required" | "consent_required" => {
                Self::Cancelled(quoted(error))
            }
            "unauthorized_client" => Self::Client(quoted(error)),
            _ => Self::Refused(quoted(description.unwrap_or(error))),
        }
    }

    /// The same without any text that came from outside, for the log.
    pub fn plain(&self) -> String {
        match self {
            Self::Refused(_) => "the provider refused this sign-in".to_owned(),
            // `Cancelled` and `Client` have codes that are named above.
            Self::Issuer { .. } => "the provider calls itself otherwise than `issuer` says".to_owned(),
            Self::Address(_) => "the provider names an address that is not https".to_owned(),
            other => other.to_string(),
        }
    }

    /// Whether the provider could not be asked, so that the user was not refused.
    pub fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Description(_)
                | Self::Status(429 | 500..)
                | Self::IdToken(JwtError::Unreachable)
                | Self::LogoutToken(JwtError::Unreachable)
        )
    }
}

/// A text of the provider's, shortened, without control characters.
pub(super) fn quoted(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect()
}
