//! Signatures of policies. A vendor signs what a component is; an operator names the keys that may say so.
//!
//! A signature is a note (c2sp.org/signed-note). Its text has five lines: a heading, the name of the policy, its version,
//! its contract, and the SHA-256 digest of the component.

use std::fs;
use std::io;
use std::path::Path;

use mcp_audit_log_ledger::{Note, NoteError, SignatureKind, SigningKey, VerifierKey};

use crate::atomic_file;
use crate::signer::SignerError;
use crate::signer::files::{is_open, random};

/// The first line of the text.
const HEADING: &str = "mcp-audit-log policy";

/// What a component is, as its signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyStatement {
    /// Its name, from its manifest.
    pub name: String,
    /// Its version, from its manifest.
    pub version: String,
    /// The contract that it exports.
    pub contract: String,
    /// SHA-256 of the component, as `sha256:` and hex.
    pub digest: String,
}

/// Why a policy is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicySignatureError {
    /// No note is about it.
    #[error(
        "{title} has no signature: trusted keys must sign each policy here; put its note beside the component, as FILE.note \
         (the vendor makes it with `mcp-audit-log policy sign`)"
    )]
    Missing {
        /// The policy.
        title: String,
    },
    /// The note is about it, and is not good.
    #[error("the signature of {title} is not accepted: {reason}")]
    Note {
        /// The policy.
        title: String,
        /// Why.
        reason: NoteError,
    },
    /// A note that cannot be read.
    #[error("a policy's note cannot be read: {0}")]
    Unreadable(NoteError),
}

impl PolicyStatement {
    fn text(&self) -> String {
        let Self { name, version, contract, digest } = self;
        format!("{HEADING}\n{name}\n{version}\n{contract}\n{digest}\n")
    }

    /// Its name, its version and its digest, for people.
    pub fn title(&self) -> String {
        format!("{} {} ({})", self.name, self.version, self.digest)
    }

    /// Signs it.
    ///
    /// # Errors
    /// The name or the version has characters that a note cannot have.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, NoteError> {
        let lines = [&self.name, &self.version, &self.contract, &self.digest];
        match lines.iter().any(|line| line.contains('\n')) {
            true => Err(NoteError::Bytes),
            // The time is signed by keys of another kind only.
            false => Note::sign(self.text(), std::slice::from_ref(key), 0),
        }
    }
}

/// The names of the trusted keys that signed each of `components`, in their order. One good note about a component is
/// enough: another may be damaged, or signed by a key that is no longer trusted.
///
/// # Errors
/// A component has no note that a trusted key signed.
pub fn signers(
    components: &[PolicyStatement],
    notes: &[Vec<u8>],
    trusted: &[VerifierKey],
) -> Result<Vec<String>, PolicySignatureError> {
    let mut unreadable = None;
    let read = |bytes: &Vec<u8>| Note::parse(bytes).map_err(|reason| unreadable = Some(reason)).ok();
    let notes: Vec<_> = notes.iter().filter_map(read).collect();
    let signers = |component: &PolicyStatement| {
        let text = component.text();
        let mut refused = match &unreadable {
            Some(reason) => PolicySignatureError::Unreadable(reason.clone()),
            None => PolicySignatureError::Missing { title: component.title() },
        };
        for note in notes.iter().filter(|note| note.text() == text) {
            match note.verify(trusted) {
                Ok(signed) => return Ok(signed.iter().map(|signed| signed.key.name()).collect::<Vec<_>>().join(", ")),
                Err(reason) => refused = PolicySignatureError::Note { title: component.title(), reason },
            }
        }
        Err(refused)
    };
    components.iter().map(signers).collect()
}

/// The key in this file, with which a vendor signs policies.
///
/// # Errors
/// The file cannot be read, other users may read it, or it holds no key.
pub fn read_key(path: &Path) -> Result<SigningKey, SignerError> {
    let text = fs::read_to_string(path).map_err(|reason| SignerError::File { path: path.to_owned(), reason })?;
    if is_open(path) {
        return Err(SignerError::Open(path.to_owned()));
    }
    let lines = text.lines().map(str::trim).enumerate();
    let key = lines.into_iter().find(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (at, line) = key.unwrap_or_default();
    SigningKey::parse(line).map_err(|reason| SignerError::Key { line: at + 1, reason })
}

/// Makes a key of this name and writes it to a new file that only this user may read.
///
/// # Errors
/// The name is not allowed, the file is there already, or it cannot be written.
pub fn make_key(path: &Path, name: &str) -> Result<SigningKey, SignerError> {
    let unusable = |reason| SignerError::File { path: path.to_owned(), reason };
    if path.exists() {
        return Err(unusable(io::Error::from(io::ErrorKind::AlreadyExists)));
    }
    let seed = random().map_err(unusable)?;
    let key = SigningKey::from_seed(name, SignatureKind::Log, seed);
    let key = key.map_err(|reason| SignerError::Key { line: 1, reason })?;
    let text = format!("# This key signs policies. Keep it secret.\n{}\n", key.secret_text());
    atomic_file::replace(path, text.as_bytes()).map_err(unusable)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, seed: u8) -> SigningKey {
        SigningKey::from_seed(name, SignatureKind::Log, [seed; 32]).expect("a key")
    }

    fn statement() -> PolicyStatement {
        let [name, version, contract] = ["acme", "1.2.0", "mcp-audit-log:policy/policy@0.7.0"].map(String::from);
        PolicyStatement { name, version, contract, digest: format!("sha256:{}", "ab".repeat(32)) }
    }

    fn note(statement: &PolicyStatement, key: &SigningKey) -> Vec<u8> {
        statement.sign(key).expect("a note").to_string().into_bytes()
    }

    #[test]
    fn a_policy_is_accepted_only_with_a_note_about_it_by_a_trusted_key() {
        let (ours, theirs) = (key("vendor.example", 1), key("other.example", 2));
        let trusted = [ours.verifier().clone()];
        let policy = statement();
        let check = |notes: &[Vec<u8>]| signers(std::slice::from_ref(&policy), notes, &trusted);
        assert_eq!(check(&[note(&policy, &ours)]).expect("accepted"), ["vendor.example"]);
        assert!(matches!(check(&[]), Err(PolicySignatureError::Missing { .. })));
        assert!(matches!(check(&[b"no note".to_vec()]), Err(PolicySignatureError::Unreadable(_))));
        let unknown = check(&[note(&policy, &theirs)]);
        assert!(matches!(unknown, Err(PolicySignatureError::Note { reason: NoteError::Unknown, .. })), "{unknown:?}");
        // A note of an earlier key, or a damaged one, does not hide a good one.
        let beside = [note(&policy, &theirs), b"damaged".to_vec(), note(&policy, &ours)];
        assert_eq!(check(&beside).expect("accepted"), ["vendor.example"]);
        // A key of the trusted name with other bytes is another key.
        let impostor = key("vendor.example", 3);
        assert!(check(&[note(&policy, &impostor)]).is_err());
        for change in [
            |one: &mut PolicyStatement| one.name.push('x'),
            |one: &mut PolicyStatement| one.version.push('1'),
            |one: &mut PolicyStatement| one.contract.push('1'),
            |one: &mut PolicyStatement| one.digest = one.digest.replace("ab", "ac"),
        ] {
            let mut other = statement();
            change(&mut other);
            let refused = check(&[note(&other, &ours)]);
            assert!(matches!(refused, Err(PolicySignatureError::Missing { .. })), "a note about {other:?}");
        }
        let forged = String::from_utf8(note(&policy, &ours)).expect("text").replace("1.2.0", "1.3.0").into_bytes();
        let newer = PolicyStatement { version: "1.3.0".to_owned(), ..statement() };
        let refused = signers(&[newer], &[forged], &trusted);
        assert!(matches!(refused, Err(PolicySignatureError::Note { reason: NoteError::Forged(_), .. })), "{refused:?}");
    }

    #[test]
    fn every_component_needs_a_signature() {
        let ours = key("vendor.example", 1);
        let (one, other) = (statement(), PolicyStatement { name: "iban".to_owned(), ..statement() });
        let both = [one.clone(), other.clone()];
        let trusted = [ours.verifier().clone()];
        assert!(signers(&both, &[note(&one, &ours)], &trusted).is_err());
        assert_eq!(signers(&both, &[note(&other, &ours), note(&one, &ours)], &trusted).expect("accepted").len(), 2);
    }

    #[test]
    fn a_line_break_in_a_name_cannot_shift_the_lines_of_a_note() {
        let shifted = PolicyStatement { name: "acme\n9.9.9".to_owned(), ..statement() };
        assert!(matches!(shifted.sign(&key("vendor.example", 1)), Err(NoteError::Bytes)));
    }

    #[test]
    fn a_new_key_is_secret_and_replaces_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vendor.key");
        let made = make_key(&path, "vendor.example").expect("made");
        assert_eq!(read_key(&path).expect("read").verifier(), made.verifier());
        assert!(matches!(make_key(&path, "vendor.example"), Err(SignerError::File { .. })), "it is there");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
            assert!(matches!(read_key(&path), Err(SignerError::Open(_))), "others may read it");
        }
    }
}
