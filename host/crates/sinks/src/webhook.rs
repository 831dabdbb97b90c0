//! A webhook: each batch is the JSON body of a POST, signed as Standard Webhooks specifies.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use hyper::Uri;
use hyper::header::HeaderName;
use mcp_audit_log_core::client_tls::Authorities;
use mcp_audit_log_core::http_client::Post;
use mcp_audit_log_core::sink::{EntryBatch, Sink, SinkError};
use mcp_audit_log_model::time::{Clock, SECOND, SystemClock};
use sha2::{Digest, Sha256};

use crate::http::{DestinationError, HttpDestination};
use crate::json::BatchJson;

/// The prefix of a secret in base64, as Standard Webhooks writes them.
const ENCODED: &str = "whsec_";
/// A secret must have so many bytes.
const SHORTEST: usize = 24;

/// Where a webhook is, and with what it signs.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// The URL: https, except on this machine. Redirections are not followed.
    pub url: Uri,
    /// The secret that signs each batch; without one, batches are not signed.
    pub secret: Option<SigningSecret>,
    /// The token that is sent as `Authorization: Bearer …`.
    pub token: Option<String>,
    /// Whose certificates vouch for the receiver.
    pub authorities: Authorities,
    /// How long the receiver may take to answer.
    pub patience: Duration,
}

/// A secret that the receiver knows too. It is never printed.
#[derive(Clone)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// A secret as its holder writes it: `whsec_` and base64, or a text whose bytes are the key. White space around it
    /// does not count.
    ///
    /// # Errors
    /// A sentence: it is too short, or not base64.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let key = match text.strip_prefix(ENCODED) {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| format!("what follows {ENCODED} is not base64"))?,
            None => text.as_bytes().to_vec(),
        };
        if key.len() < SHORTEST {
            return Err(format!("it has {} bytes; use at least {SHORTEST} random ones", key.len()));
        }
        Ok(Self(key))
    }

    /// The code over all three, in base64.
    fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> Result<String, SinkError> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let mut mac = mac.map_err(|error| SinkError::Failed(error.to_string()))?;
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        Ok(STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

/// A webhook.
pub struct Webhook {
    destination: HttpDestination,
    secret: Option<SigningSecret>,
    token: Option<String>,
}

impl Webhook {
    /// A webhook with these options.
    ///
    /// # Errors
    /// The URL is not allowed, or the system has no certificates to trust.
    pub fn new(options: WebhookOptions) -> Result<Self, DestinationError> {
        let WebhookOptions { url, secret, token, authorities, patience } = options;
        Ok(Self { destination: HttpDestination::new(&url, &authorities, patience)?, secret, token })
    }

    /// The request for a batch that is sent at this time.
    fn request(&self, batch: &EntryBatch, seconds: i64) -> Result<Post, SinkError> {
        let body = serde_json::to_vec(&BatchJson::new(batch)).map_err(|error| SinkError::Failed(error.to_string()))?;
        // The same for the same batch, however often it is sent. A batch that grew before it was sent again is another
        // one: the receiver knows the entries in it by their origin and seq.
        let digest: String = Sha256::digest(&body).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let id = format!("{}-{}-{}-{digest}", batch.sink, batch.seqs.start, batch.seqs.end);
        let mut headers = vec![("idempotency-key", id.clone())];
        if let Some(secret) = &self.secret {
            let signature = format!("v1,{}", secret.sign(&id, seconds, &body)?);
            let time = ("webhook-timestamp", seconds.to_string());
            headers.extend([("webhook-id", id), time, ("webhook-signature", signature)]);
        }
        let headers = headers.into_iter().map(|(name, value)| (HeaderName::from_static(name), value)).collect();
        Ok(Post { headers, token: self.token.clone(), ..Post::new("application/json", body) })
    }
}

impl Sink<EntryBatch> for Webhook {
    fn put(&mut self, batch: &EntryBatch) -> Result<(), SinkError> {
        let seconds = SystemClock.now().as_micros() / SECOND;
        self.destination.post(self.request(batch, seconds)?).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_model::entry::Entry;
    use mcp_audit_log_model::field::Field;
    use mcp_audit_log_model::time::Timestamp;
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn webhook(secret: Option<&str>) -> Webhook {
        let secret = secret.map(|secret| SigningSecret::parse(secret).expect("a secret"));
        let url = "http://127.0.0.1:1/".parse().expect("a URL");
        let (authorities, patience) = (Authorities::default(), Duration::from_secs(1));
        let options = WebhookOptions { url, secret, token: Some("t".into()), authorities, patience };
        Webhook::new(options).expect("a webhook")
    }

    fn batch(seqs: std::ops::Range<u64>) -> EntryBatch {
        let entry = |seq: u64| {
            let mut entry = Entry::new(Uuid::from_u128(seq.into()), Timestamp::EPOCH, Timestamp::EPOCH);
            entry.seq = seq;
            entry.set_text(Field::Tool, Some("search"));
            entry.details.insert("a".into(), 1.into());
            entry
        };
        let entries = seqs.clone().map(entry).collect();
        EntryBatch::new("siem".into(), "gateway-1".into(), seqs, entries)
    }

    #[test]
    fn the_body_has_each_entry_with_its_origin_and_only_fields_that_are_set() {
        let post = webhook(None).request(&batch(7..9), 0).expect("a request");
        let body: Value = serde_json::from_slice(&post.body).expect("JSON");
        assert_eq!((&body["sink"], &body["origin"]), (&json!("siem"), &json!("gateway-1")));
        let entries = body["entries"].as_array().expect("a list");
        assert_eq!(entries.len(), 2);
        let entry = entries[1].as_object().expect("an object");
        assert_eq!(
            (&entry["origin"], &entry["seq"], &entry["tool"]),
            (&json!("gateway-1"), &json!(8), &json!("search"))
        );
        assert_eq!((&entry["details"], &entry["has_payload"]), (&json!({ "a": 1 }), &json!(false)));
        assert!(entry.values().all(|value| !value.is_null()) && !entry.contains_key("user"));
        assert_eq!((post.token.as_deref(), post.headers.len()), (Some("t"), 1), "not signed");
    }

    /// The vector of the specification's own libraries.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let secret = SigningSecret::parse(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("a secret");
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed.expect("signed"), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{secret:?}"), "SigningSecret");
    }

    #[test]
    fn short_and_broken_secrets_are_refused_without_being_repeated() {
        for secret in ["", "hunter2-hunter2", "whsec_MfKQ9r8G", "whsec_%%%"] {
            let error = SigningSecret::parse(secret).expect_err(secret);
            assert!(!error.contains("hunter") && !error.contains("MfKQ") && !error.contains('%'), "{error}");
        }
        SigningSecret::parse("a passphrase of twenty-four").expect("long enough");
    }

    #[test]
    fn a_batch_has_the_same_key_each_time_and_another_batch_another() {
        let webhook = webhook(Some("0123456789abcdef0123456789abcdef"));
        let headers = |batch: &EntryBatch, seconds| webhook.request(batch, seconds).expect("a request").headers;
        let (first, again) = (headers(&batch(7..9), 1), headers(&batch(7..9), 2));
        assert_eq!((first[0].0.as_str(), &first[0], &first[1]), ("idempotency-key", &again[0], &again[1]));
        assert_ne!(first[3], again[3], "the time is signed");
        let grown = headers(&batch(7..10), 1);
        assert_ne!(grown[0], first[0]);
        let fewer = EntryBatch::new("siem".into(), "gateway-1".into(), 7..9, batch(7..8).entries);
        assert_ne!(headers(&fewer, 1)[0], first[0], "the same range with other rights is another batch");
    }
}
