//! The forms with files: components, notes, and texts beside them.

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::http::StatusCode;
use mcp_audit_log_policy_tools::declared::{extension_of_toml, policy_of_toml};
use mcp_audit_log_service::PolicyRequest;

use crate::openapi::extractors::UPLOAD;
use crate::problem::Problem;

/// The most files of a kind.
const FILES: usize = 32;
/// What a file is called that declares a policy, or an extension, as text.
const TOML: &str = ".toml";
/// The longest such file, in bytes.
const LONGEST_TOML: usize = 256 << 10;

/// What a form sent.
#[derive(Debug, Default)]
pub(super) struct PolicyForm {
    /// The components and the reason.
    pub(super) wanted: PolicyRequest,
    /// The beginning of a range, as it was written.
    pub(super) from: String,
    /// Its end.
    pub(super) to: String,
    /// How long a shadow lasts.
    pub(super) length: String,
}

impl PolicyForm {
    /// Reads a form; the caller has checked the right, so that nothing is read of a caller without it.
    pub(super) async fn read(sent: Result<Multipart, MultipartRejection>) -> Result<Self, Problem> {
        let mut parts = sent.map_err(|_| Problem::media_type("multipart/form-data"))?;
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await.map_err(unreadable)? {
            form.take(part).await?;
        }
        Ok(form)
    }

    async fn take(&mut self, part: Field<'_>) -> Result<(), Problem> {
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().unwrap_or_default().to_ascii_lowercase();
        let bytes = part.bytes().await.map_err(unreadable)?;
        let wanted = &mut self.wanted;
        match name.as_str() {
            // A browser sends an input without a file as an empty one.
            "policy" | "extensions" | "notes" if bytes.is_empty() => {}
            "policy" => wanted.policy = Some(component("Policy", &file, &bytes, policy_of_toml)?),
            "extensions" => {
                let extension = component("Extensions", &file, &bytes, extension_of_toml)?;
                push(&mut wanted.extensions, extension)?;
            }
            "notes" => push(&mut wanted.notes, bytes.to_vec())?,
            "reason" => wanted.reason = text(&bytes)?,
            "from" => self.from = text(&bytes)?,
            "to" => self.to = text(&bytes)?,
            "for" => self.length = text(&bytes)?,
            _ => return Err(Problem::body("The body cannot be read. Use the page's form.")),
        }
        Ok(())
    }
}

fn push(files: &mut Vec<Vec<u8>>, file: Vec<u8>) -> Result<(), Problem> {
    if files.len() >= FILES {
        return Err(Problem::invalid(format!("Send at most {FILES} files of a kind.")));
    }
    files.push(file);
    Ok(())
}

/// The component in a file, or the one that its declarations make.
fn component<E: std::fmt::Display>(
    what: &str,
    file: &str,
    bytes: &[u8],
    of_toml: impl Fn(&str) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, Problem> {
    if !file.ends_with(TOML) {
        return Ok(bytes.to_vec());
    }
    if bytes.len() > LONGEST_TOML {
        return Err(Problem::invalid(format!("{what}: a policy in TOML has at most {LONGEST_TOML} bytes.")));
    }
    of_toml(&text(bytes)?).map_err(|error| Problem::invalid(format!("{what}: {}.", error.to_string().trim_end())))
}

fn text(bytes: &[u8]) -> Result<String, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::body("The form is not UTF-8. Send it again."))?;
    Ok(text.to_owned())
}

fn unreadable(error: MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::too_long(format!("The files may have at most {UPLOAD} bytes together; nothing was changed."))
        }
        _ => Problem::body("The form cannot be read, or ended early. Send it again."),
    }
}
