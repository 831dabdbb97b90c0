//! Maps the log's errors to problems for users.

use axum::extract::rejection::{BytesRejection, FormRejection};
use axum::http::StatusCode;
use mcp_audit_log_contract::access::Denied;
use mcp_audit_log_contract::settings::InvalidSetting;
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_core::recorder::RecordError;
use mcp_audit_log_export::ExportError;
use mcp_audit_log_identity::SignInError;
use mcp_audit_log_index::StoreError;
use mcp_audit_log_service::PayloadError;
use mcp_audit_log_service::{ChangeError, EvidenceError, RunError, SignError, StartError};
use mcp_audit_log_store::TokenError;

use super::{BUSY, DENIED, MISSING, Problem, RUNNING, SETTING, UNAUTHENTICATED};

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => Self::unread(status),
            _ => Self::body("The body ended early. Send it again."),
        }
    }
}

impl From<FormRejection> for Problem {
    fn from(rejection: FormRejection) -> Self {
        Self::unread(rejection.status())
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::new(DENIED, sentence(&format!("{denied}; ask an administrator for a group that allows it.")))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Deadline(_) => Self::new(BUSY, sentence(&format!("{error}."))),
            StoreError::TooManyValues => Self::query(sentence(&format!("{error}."))),
            StoreError::Unprovable { .. } => Self::parameter("size", sentence(&format!("{error}."))),
            StoreError::TooManyGroups(_) => Self::parameter("by", sentence(&format!("{error}."))),
            _ => Self::internal(&error),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Denied(denied) => denied.into(),
            ReadError::Narrow => Self::new(DENIED, sentence(&format!("{error}."))),
            ReadError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<EvidenceError> for Problem {
    fn from(error: EvidenceError) -> Self {
        match error {
            EvidenceError::Read(error) => error.into(),
            EvidenceError::Unsigned | EvidenceError::Removed => Self::new(BUSY, sentence(&format!("{error}."))),
            EvidenceError::Nothing | EvidenceError::TooLong { .. } => Self::query(sentence(&format!("{error}."))),
            EvidenceError::Sign(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<SignError> for Problem {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Store(error) => error.into(),
            SignError::Record(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Full | RecordError::Closed => Self::new(
                BUSY,
                sentence(&format!(
                    "{error}; nothing was done, because it could not be recorded. Try \
                                                   again."
                )),
            ),
            RecordError::Unavailable => Self::new(BUSY, sentence(&format!("{error}."))),
            error => Self::internal(&error),
        }
    }
}

impl From<PayloadError> for Problem {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Read(error) => error.into(),
            PayloadError::Record(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Read(error) => error.into(),
            ExportError::Record(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<InvalidSetting> for Problem {
    fn from(error: InvalidSetting) -> Self {
        Self::new(SETTING, error.0)
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Denied(denied) => denied.into(),
            ChangeError::Invalid(error) => error.into(),
            ChangeError::Refused(why) => Self::invalid(why),
            ChangeError::Missing(what) => Self::missing(what),
            ChangeError::Store(error) => error.into(),
            ChangeError::Tokens(error) => error.into(),
            ChangeError::Sign(error) => error.into(),
            ChangeError::Record(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Denied(denied) => denied.into(),
            RunError::Unknown { .. } => Self::new(MISSING, sentence(&format!("{error}."))),
            RunError::Running => Self::new(RUNNING, "A scheduled job is already running; wait until it has finished."),
            RunError::Store(error) => error.into(),
            RunError::Sign(error) => error.into(),
            RunError::Record(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Denied(denied) => denied.into(),
            StartError::Running => Self::new(RUNNING, sentence(&format!("{error}."))),
            error => Self::internal(&error),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Name(..) | TokenError::Past(_) => Self::invalid(sentence(&format!("{error}."))),
            _ => Self::internal(&error),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Tokens(error) => error.into(),
            error if error.is_failure() => Self::new(BUSY, sentence(&format!("{error}."))),
            error => Self::new(UNAUTHENTICATED, sentence(&format!("{error}."))),
        }
    }
}

/// Errors of the log begin in lower case to follow a colon; here they begin a sentence.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_groups_are_an_error_for_the_user() {
        let problem = Problem::from(ReadError::Store(StoreError::TooManyGroups(20_000)));
        assert_eq!((problem.status().as_u16(), problem.wrong_parameter()), (400, Some("by")));
        assert!(problem.detail().starts_with("There are more than 20000 groups; narrow the search"));
    }
}
