//! What entries of the log say about what judged: which entries, and by which other entry that is known.

use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use serde_json::Value as Json;

/// What sealed entries say, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    spans: Vec<Span>,
}

/// A record with this digest judged from an entry on.
#[derive(Clone, Debug)]
struct Span {
    /// The entry that says so.
    said_by: u64,
    digest: String,
    from: u64,
    /// The last entry that it surely judged; `None`: it begins here, and the entry does not know for how long.
    to: Option<u64>,
}

/// What is known of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// This entry says that the record judged it.
    Said(u64),
    /// This entry began the record, and so many entries behind it are not shown. Any of them may have ended it.
    Begun(u64, u64),
    /// This entry says that another record judged it.
    Other(u64),
    /// No entry says anything.
    Nothing,
}

impl Evidence {
    /// Takes what an entry says. Only entries about the log itself have the kind `system`, so no sender makes one.
    pub(super) fn add(&mut self, entry: &Entry) {
        let is_own = [(Field::Channel, "system"), (Field::Kind, "system")];
        if !is_own.into_iter().all(|(field, word)| entry.text(field) == Some(word)) {
            return;
        }
        let said = |name: &str| {
            let digest = entry.details.get(name).and_then(Json::as_str)?.to_owned();
            Some((digest, entry.details.get(&format!("{name}_since")).and_then(Json::as_u64)?))
        };
        let said_by = entry.seq;
        let Some((digest, from)) = said("judgement") else { return };
        if let Some((digest, before)) = said("judgement_before").filter(|(_, before)| *before < from) {
            self.spans.push(Span { said_by, digest, from: before, to: Some(from - 1) });
        }
        if from <= said_by {
            self.spans.push(Span { said_by, digest: digest.clone(), from, to: Some(said_by) });
        }
        self.spans.push(Span { said_by, digest, from, to: None });
    }

    /// What is known of the entry `seq`, whose record is said to begin at `since` and has this digest. `hidden` is how
    /// many entries between one and this one are not shown.
    pub(super) fn of(&self, seq: u64, since: u64, digest: &str, hidden: impl Fn(u64) -> u64) -> Bound {
        let is_it = |span: &Span| span.digest == digest && span.from == since;
        let about = self.spans.iter().find(|span| span.from <= seq && span.to.is_some_and(|to| seq <= to));
        if let Some(span) = about {
            return if is_it(span) { Bound::Said(span.said_by) } else { Bound::Other(span.said_by) };
        }
        let begun = self.spans.iter().filter(|span| span.to.is_none() && span.from <= seq);
        let Some(begun) = begun.max_by_key(|span| (span.from, span.said_by)) else { return Bound::Nothing };
        match (is_it(begun), hidden(begun.said_by)) {
            (true, 0) => Bound::Said(begun.said_by),
            (true, hidden) => Bound::Begun(begun.said_by, hidden),
            // A change between the two may be hidden, unless the record itself says that there was none.
            (false, hidden) if hidden > 0 && since > begun.from => Bound::Nothing,
            (false, _) => Bound::Other(begun.said_by),
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_audit_log_model::time::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn entry(seq: u64, details: &[(&str, Json)]) -> Entry {
        let mut entry = Entry::new(Uuid::nil(), Timestamp::EPOCH, Timestamp::EPOCH);
        entry.seq = seq;
        entry.set_text(Field::Channel, Some("system"));
        entry.set_text(Field::Kind, Some("system"));
        entry.details.extend(details.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        entry
    }

    fn swap(seq: u64) -> Entry {
        entry(
            seq,
            &[
                ("judgement", "new".into()),
                ("judgement_since", (seq + 1).into()),
                ("judgement_before", "old".into()),
                ("judgement_before_since", 2.into()),
            ],
        )
    }

    #[test]
    fn a_swap_says_what_judged_before_it_and_only_begins_what_judges_after_it() {
        let mut evidence = Evidence::default();
        evidence.add(&swap(7));
        let of = |seq, since, digest, hidden| evidence.of(seq, since, digest, |_| hidden);
        assert_eq!(of(1, 0, "old", 0), Bound::Nothing);
        for seq in [2, 7] {
            assert_eq!((of(seq, 2, "old", 9), of(seq, 2, "new", 9)), (Bound::Said(7), Bound::Other(7)), "{seq}");
            assert_eq!(of(seq, 1, "old", 9), Bound::Other(7), "it began later");
        }
        assert_eq!((of(9, 8, "new", 0), of(9, 8, "new", 3)), (Bound::Said(7), Bound::Begun(7, 3)));
        assert_eq!((of(9, 9, "third", 3), of(9, 9, "third", 0)), (Bound::Nothing, Bound::Other(7)));
        assert_eq!(of(9, 8, "third", 3), Bound::Other(7), "it cannot have begun with the other one");
    }

    #[test]
    fn a_later_entry_says_that_nothing_changed_and_one_of_a_sender_says_nothing() {
        let mut evidence = Evidence::default();
        evidence.add(&swap(7));
        evidence.add(&entry(20, &[("judgement", "new".into()), ("judgement_since", 8.into())]));
        let of = |seq, digest| evidence.of(seq, 8, digest, |_| 9);
        assert_eq!(
            (of(8, "new"), of(20, "new"), of(15, "third")),
            (Bound::Said(20), Bound::Said(20), Bound::Other(20))
        );
        assert_eq!(of(21, "new"), Bound::Begun(20, 9));
        let mut sent = swap(7);
        sent.set_text(Field::Channel, Some("mcp"));
        let mut nothing = Evidence::default();
        nothing.add(&sent);
        assert_eq!(nothing.of(7, 0, "old", |_| 0), Bound::Nothing);
    }
}
