//! What a bundle carries beside its entries so that their judgements can be made again: what judged them, entries of the
//! log that say so, and the components.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::{ProofFile, VerifierKey};
use super::{BundleError, hex};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::value::Value;

/// What comes before the record in its digest.
const DOMAIN: &[u8] = b"mcp-audit-log-judgement-v1\0";

/// What judges: components, settings, and the floors that are off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgementRecord {
    /// The digests of the policy, and then of its extensions from the bottom up.
    pub layers: Vec<String>,
    /// Every declared setting with its value.
    pub settings: BTreeMap<String, Value>,
    /// Whether the policy alone keeps tenants apart.
    pub policy_rules_tenants: bool,
    /// Names of the host's own masks that are off.
    pub masks_off: Vec<String>,
}

/// A line behind the entries of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "judgement", rename_all = "lowercase", deny_unknown_fields)]
pub enum JudgementLine {
    /// What judged the shown entries from `since` on, up to the next record.
    Record {
        /// The `seq` of the first entry.
        since: u64,
        /// What judged.
        judges: JudgementRecord,
    },
    /// The proof of an entry in which the log says what judges.
    Sealed {
        /// A tlog-proof by the bundle's checkpoint.
        proof: String,
    },
    /// A component.
    Component {
        /// SHA-256 of its bytes, as `sha256:` and hexadecimal digits.
        digest: String,
        /// Its bytes in base64.
        bytes: String,
    },
}

/// What such a line has, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum JudgementPart {
    /// What judged from this `seq` on.
    Record(u64, JudgementRecord),
    /// An entry of the log, which is proved as the bundle's own are.
    Sealed(Box<Entry>),
    /// A component, which has this digest.
    Component(String, Vec<u8>),
}

impl JudgementRecord {
    /// The digest that the log's own entries name: `sha256:` and hexadecimal digits.
    pub fn digest(&self) -> String {
        let record = serde_json::to_vec(self).unwrap_or_default();
        format!("sha256:{}", hex(&Sha256::new().chain_update(DOMAIN).chain_update(record).finalize()))
    }
}

impl JudgementLine {
    /// A component under its digest.
    pub fn component(digest: String, bytes: &[u8]) -> Self {
        Self::Component { digest, bytes: STANDARD.encode(bytes) }
    }

    /// The line in the file, without its newline.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What a line has, in a bundle with this checkpoint, whose keys are `keys`.
    ///
    /// # Errors
    /// It is no such line, an entry is not proved, or a component does not have its digest.
    pub(super) fn read(line: &str, checkpoint: &str, keys: &[VerifierKey]) -> Result<JudgementPart, BundleError> {
        let parsed: Self = serde_json::from_str(line).map_err(|_| BundleError::JudgementLine)?;
        if parsed.line() != line {
            return Err(BundleError::JudgementLine);
        }
        match parsed {
            Self::Record { since, judges } => Ok(JudgementPart::Record(since, judges)),
            Self::Component { digest, bytes } => {
                let bytes = STANDARD.decode(bytes).map_err(|_| BundleError::JudgementLine)?;
                match format!("sha256:{}", hex(&Sha256::digest(&bytes))) == digest {
                    true => Ok(JudgementPart::Component(digest, bytes)),
                    false => Err(BundleError::Component(digest)),
                }
            }
            Self::Sealed { proof } => {
                let file = ProofFile::parse(&proof).map_err(BundleError::Sealed)?;
                if file.checkpoint.to_string() != checkpoint || file.to_string() != proof {
                    return Err(BundleError::JudgementLine);
                }
                let proved = file.verify_entry(keys).map_err(BundleError::Sealed)?;
                let entry = proved.content.entry(proved.leaf.seq, proved.leaf.recorded_at);
                entry.map(|entry| JudgementPart::Sealed(Box::new(entry))).ok_or(BundleError::JudgementLine)
            }
        }
    }
}
