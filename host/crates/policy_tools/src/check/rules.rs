//! The rules, with what to do about each.

use mcp_audit_log_model::vocabulary;

vocabulary! {
    /// A rule that policies break by mistake.
    CheckRule {
        /// `judge` and `amend` answer on every event.
        JudgeAnswers = "judge-answers",
        /// A verdict does not depend on other events of the batch.
        JudgeBatch = "judge-batch",
        /// What is read is declared.
        Depends = "depends",
        /// An action is `<resource>.<verb>`.
        ActionName = "action-name",
        /// No payload is kept while the switch is off.
        PayloadSwitch = "payload-switch",
        /// No payload of OAuth is kept.
        PayloadOauth = "payload-oauth",
        /// No fact has a name of the host.
        HostFacts = "host-facts",
        /// No secret is in a verdict.
        Secrets = "secrets",
        /// A mask leaves ordinary texts alone.
        MaskHarmless = "mask-harmless",
        /// An implied group is declared.
        GroupDeclared = "group-declared",
        /// `access` answers for every viewer.
        AccessAnswers = "access-answers",
        /// A right is one that the host has.
        RightUnknown = "right-unknown",
        /// A right is of use by itself.
        RightNeedsRead = "right-needs-read",
        /// A group has what it implies.
        GroupImplies = "group-implies",
        /// No viewer of a tenant configures the whole log.
        TenantConfigure = "tenant-configure",
        /// A viewer without a name sees nothing.
        ViewerUnnamed = "viewer-unnamed",
        /// A viewer without a group sees nothing of others.
        ViewerUngrouped = "viewer-ungrouped",
        /// `retention` answers.
        RetentionAnswers = "retention-answers",
        /// Nothing is planned to go before the settings say.
        RetentionEarly = "retention-early",
        /// Every value works that a setting allows.
        SettingValues = "setting-values",
        /// An event takes little fuel.
        Fuel = "fuel",
        /// An event takes little memory.
        Memory = "memory",
    }
}

impl CheckRule {
    /// What to do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::JudgeAnswers => {
                "Correct what the message names. Answer on every event: check before you index or unwrap, bound every \
                 loop, cut long texts. Until then such an event is recorded as event.unjudged."
            }
            Self::JudgeBatch => {
                "Judge each event by itself: keep no counter and no state between the events of a batch."
            }
            Self::Depends => "Declare it in `depends`, or do not read it: the host passes it empty.",
            Self::ActionName => "Name it <resource>.<verb> in lower case, such as tool.called.",
            Self::PayloadSwitch => "Keep a payload only where the setting log_payloads is true; the host drops it.",
            Self::PayloadOauth => "Keep nothing of the channel oauth: these bodies consist of codes and tokens.",
            Self::HostFacts => "Give the fact another name; the host stores this one under `policy.` and its name.",
            Self::Secrets => {
                "Copy no argument and no state into a verdict unless its name is one that you expect; hide the values \
                 of secret fields."
            }
            Self::MaskHarmless => "Narrow the mask's patterns: with this one a reader sees nothing.",
            Self::GroupDeclared => "Declare the group, or correct its name in `implies`.",
            Self::AccessAnswers => {
                "Answer for every set of groups, and return a well-formed rule; until then the viewer is denied."
            }
            Self::RightUnknown => {
                "Use a right of the host: read, read-payloads, export, export-payloads, read-usage, configure, manage, \
                 verify or record. Another name gives nothing."
            }
            Self::RightNeedsRead => "Give `read` as well, or leave this right out: without `read` it is of no use.",
            Self::GroupImplies => "Follow `implies` in access: a viewer comes with the groups that were assigned.",
            Self::TenantConfigure => "Leave `configure` out where the viewer has an instance; the host takes it away.",
            Self::ViewerUnnamed => {
                "Return a rule that matches nothing where the viewer's user is empty: such access has no author."
            }
            Self::ViewerUngrouped => "Deny by default: give rights to groups, and let the rule name the viewer's own.",
            Self::RetentionAnswers => "Plan moments before `now`, from the settings; until then nothing is deleted.",
            Self::RetentionEarly => {
                "Plan from retention_days, payload_retention_days and usage_retention_days; the host keeps everything \
                 until then."
            }
            Self::SettingValues => "Handle every value that the setting allows, or declare a narrower range.",
            Self::Fuel => {
                "Do less for each event: parse only what you need, return early, and declare `depends`, so that verdicts \
                 are remembered."
            }
            Self::Memory => "Copy less of each event; nothing is freed before the call ends.",
        }
    }
}
