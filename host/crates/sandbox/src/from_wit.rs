//! Converts the results of a policy from the contract's types to the host's, and checks them.

use std::collections::BTreeSet;

use super::bindings as wit;
use super::fault::Fault;
use super::limits::Limits;
use super::{Affected, Change, Keep, Plan, Verdict};
use mcp_audit_log_contract::access::{Grant, GrantInternals as _, Right, Viewer};
use mcp_audit_log_contract::manifest::Manifest;
use mcp_audit_log_filter::{Comparison, Domain, DomainToken, Operand, ViewerValue, check_tokens, from_tokens};
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// The parts of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantParts {
    pub(crate) rights: BTreeSet<Right>,
    pub(crate) rule: Domain,
    pub(crate) usage_rule: Domain,
}

/// The checks of one call's result.
#[derive(Clone, Copy)]
pub(super) struct FromWit {
    pub(super) function: &'static str,
    pub(super) limits: Limits,
}

impl FromWit {
    pub(super) fn fault(self, message: impl Into<String>) -> Fault {
        Fault::result(self.function, message)
    }

    /// A list no longer than allowed, each item checked.
    pub(super) fn list<T, U>(self, items: Vec<T>, check: impl Fn(T) -> Result<U, Fault>) -> Result<Vec<U>, Fault> {
        if items.len() > self.limits.list_items {
            return Err(self.fault(format!(
                "a list has {} items; at most {} are allowed",
                items.len(),
                self.limits.list_items
            )));
        }
        items.into_iter().map(check).collect()
    }

    pub(super) fn text(self, text: String) -> Result<String, Fault> {
        if text.len() > self.limits.text_bytes {
            return Err(self.fault(format!(
                "a text has {} bytes; at most {} are allowed",
                text.len(),
                self.limits.text_bytes
            )));
        }
        Ok(text)
    }

    /// A text that is not empty.
    pub(super) fn name(self, text: String) -> Result<String, Fault> {
        match self.text(text)? {
            text if text.trim().is_empty() => Err(self.fault("a name is empty")),
            text => Ok(text),
        }
    }

    pub(super) fn optional(self, text: Option<String>) -> Result<Option<String>, Fault> {
        text.map(|text| self.text(text)).transpose()
    }

    pub(super) fn value(self, value: wit::ValueResult) -> Result<Value, Fault> {
        Ok(match value {
            wit::ValueResult::Unset => Value::Unset,
            wit::ValueResult::Boolean(value) => Value::Boolean(value),
            wit::ValueResult::Integer(value) => Value::Integer(value),
            wit::ValueResult::Text(value) => Value::Text(self.text(value)?),
        })
    }

    fn operand(self, operand: wit::Operand) -> Result<Operand, Fault> {
        Ok(match operand {
            wit::Operand::Value(value) => Operand::Value(self.value(value)?),
            wit::Operand::ViewerUser => Operand::Viewer(ViewerValue::User),
            wit::Operand::ViewerInstance => Operand::Viewer(ViewerValue::Instance),
        })
    }

    pub(super) fn tokens(self, domain: Vec<wit::Token>) -> Result<Vec<DomainToken>, Fault> {
        self.list(domain, |token| {
            Ok(match token {
                wit::Token::AllOf => DomainToken::And,
                wit::Token::AnyOf => DomainToken::Or,
                wit::Token::Negation => DomainToken::Not,
                wit::Token::Leaf(leaf) => DomainToken::Leaf {
                    field: self.text(leaf.field)?,
                    comparison: comparison(leaf.comparison),
                    operands: self.list(leaf.operands, |operand| self.operand(operand))?,
                },
            })
        })
    }

    /// The verdicts, one for each event.
    pub(super) fn verdicts(
        self,
        verdicts: Vec<wit::VerdictResult>,
        events: usize,
        manifest: &Manifest,
    ) -> Result<Vec<Verdict>, Fault> {
        if verdicts.len() != events {
            return Err(self.fault(format!("{} verdicts for {events} events", verdicts.len())));
        }
        (0..).zip(verdicts).map(|(at, verdict)| self.verdict(at, verdict, manifest)).collect()
    }

    /// The verdict on the event at `at`. A verdict on another event would be false about this one.
    fn verdict(self, at: u32, verdict: wit::VerdictResult, manifest: &Manifest) -> Result<Verdict, Fault> {
        let wit::VerdictResult { event, action, affected, model, record_id, facts, changes, payload } = verdict;
        if event != at {
            return Err(self.fault(format!("the verdict for event {event} is at index {at}")));
        }
        Ok(Verdict {
            action: self.name(action)?,
            affected: affected.map(|affected| self.affected(affected)).transpose()?,
            model: self.optional(model)?,
            record_id: self.optional(record_id)?,
            facts: self.list(facts, |fact| Ok((self.name(fact.name)?, self.value(fact.value)?)))?,
            changes: self.list(changes, |change| self.change(change))?,
            faults: Vec::new(),
            keep: match payload {
                wit::PayloadDecisionResult::None => None,
                wit::PayloadDecisionResult::Keep(keep) => Some(self.keep(keep, manifest)?),
            },
        })
    }

    pub(super) fn affected(self, affected: wit::AffectedResult) -> Result<Affected, Fault> {
        let wit::AffectedResult { kind, id, name } = affected;
        Ok(Affected { kind: self.name(kind)?, id: self.optional(id)?, name: self.optional(name)? })
    }

    fn change(self, change: wit::ChangeResult) -> Result<Change, Fault> {
        let wit::ChangeResult { field, old, new } = change;
        Ok(Change { field: self.name(field)?, old: self.value(old)?, new: self.value(new)? })
    }

    /// Masks become indexes into the manifest; an unknown name makes the verdict unusable.
    pub(super) fn keep(self, keep: wit::KeepPayloadResult, manifest: &Manifest) -> Result<Keep, Fault> {
        let index = |name: String| {
            let found = manifest.masks.iter().position(|mask| mask.name == name);
            found.ok_or_else(|| {
                let declared: Vec<_> = manifest.masks.iter().map(|mask| mask.name.as_str()).collect();
                let (name, declared) = (prefix(&name, 80), declared.join(", "));
                self.fault(format!("unknown mask {name:?}; the manifest declares: {declared}"))
            })
        };
        Ok(Keep { masks: self.list(keep.masks, index)?, max_bytes: keep.max_bytes as usize })
    }

    /// The grant; a malformed rule, of entries or of usage, is a fault, and so a denial. A rule about a value that this
    /// viewer lacks is valid but matches no entry. That applies to the rule as a whole, because a negation would turn
    /// nothing into everything. `amend` is what extensions add.
    pub(super) fn grant(
        self,
        grant: wit::Grant,
        viewer: &Viewer,
        now: Timestamp,
        amend: impl FnOnce(GrantParts) -> GrantParts,
    ) -> Result<Grant, Fault> {
        // A right of a newer contract is one that this host does not have.
        let rights = self.list(grant.rights, |name| Ok(Right::parse(&self.text(name)?)))?;
        let rights: BTreeSet<_> = rights.into_iter().flatten().collect();
        let rule = |tokens, name: &str| {
            let tokens = self.tokens(tokens)?;
            check_tokens(&tokens, now).map_err(|error| self.fault(format!("the {name} is malformed: {error}")))?;
            Ok::<_, Fault>(from_tokens(&tokens, &viewer.context(now)).unwrap_or(Domain::FALSE))
        };
        let usage_rule = rule(grant.usage_rule, "usage rule")?;
        let parts = amend(GrantParts { rights, rule: rule(grant.rule, "record rule")?, usage_rule });
        Ok(Grant::new(viewer.clone(), parts.rights, parts.rule).counting(parts.usage_rule))
    }

    /// The plan. A period that ends in the future is a fault: it would delete entries before they are old.
    pub(super) fn plan(self, plan: wit::RetentionPlan, now: Timestamp) -> Result<Plan, Fault> {
        let past = |micros: Option<i64>| match micros {
            Some(micros) if micros > now.as_micros() => Err(self.fault("the retention plan deletes in the future")),
            other => Ok(other.map(Timestamp::from_micros)),
        };
        Ok(Plan {
            entries_before: past(plan.entries_before)?,
            payloads_before: past(plan.payloads_before)?,
            usage_before: past(plan.usage_before)?,
        })
    }
}

fn comparison(comparison: wit::Comparison) -> Comparison {
    match comparison {
        wit::Comparison::Equal => Comparison::Equal,
        wit::Comparison::NotEqual => Comparison::NotEqual,
        wit::Comparison::Less => Comparison::Less,
        wit::Comparison::LessOrEqual => Comparison::LessOrEqual,
        wit::Comparison::Greater => Comparison::Greater,
        wit::Comparison::GreaterOrEqual => Comparison::GreaterOrEqual,
        wit::Comparison::InList => Comparison::In,
        wit::Comparison::NotInList => Comparison::NotIn,
        wit::Comparison::Like => Comparison::Like,
        wit::Comparison::NotLike => Comparison::NotLike,
        wit::Comparison::Ilike => Comparison::Ilike,
        wit::Comparison::NotIlike => Comparison::NotIlike,
        wit::Comparison::EqualLike => Comparison::EqualLike,
        wit::Comparison::NotEqualLike => Comparison::NotEqualLike,
        wit::Comparison::EqualIlike => Comparison::EqualIlike,
        wit::Comparison::NotEqualIlike => Comparison::NotEqualIlike,
        wit::Comparison::EqualIfSet => Comparison::EqualIfSet,
    }
}
