//! `[lake]`: sealed segments of the log in a folder or a bucket.

use std::path::Path;

use mcp_audit_log::Viewer;
use mcp_audit_log::lake::{Lake, LakeOptions};
use serde::{Deserialize, Serialize};

use super::super::advice::Failure;
use super::text::{Read, Text};

/// The seconds of a day.
const DAY: u32 = 86_400;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct LakeTable {
    url: Text<LakeUrl>,
    pub(in crate::cli) groups: Vec<String>,
    user: Option<String>,
    close_seconds: Option<u32>,
    hold_days: Option<u32>,
    keep_days: Option<u32>,
}

/// The address of a lake.
#[derive(Clone, Debug)]
struct LakeUrl(String);

impl Read for LakeUrl {
    fn read(text: &str) -> Result<Self, String> {
        Lake::at(text).map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

impl LakeTable {
    pub(super) fn beside(&mut self, folder: &Path) {
        let LakeUrl(address) = self.url.value_mut();
        if !address.contains("://") {
            *address = folder.join(&*address).to_string_lossy().into_owned();
        }
    }

    /// The lake.
    pub(in crate::cli) fn lake(&self) -> Result<Lake, Failure> {
        Ok(Lake::at(&self.url.value().0)?)
    }

    /// The lake, ready to be started.
    pub(in crate::cli) fn open(&self) -> Result<LakeOptions, Failure> {
        let user = self.user.clone().unwrap_or_else(|| "sink:lake".to_owned());
        let viewer = Viewer { user, groups: self.groups.clone(), instance: None };
        let seconds = self.close_seconds.unwrap_or(DAY);
        if !(1..=DAY).contains(&seconds) {
            return Err(format!("[lake] close_seconds = {seconds} is not a period; use 1 to {DAY}").into());
        }
        let options = LakeOptions::new(self.lake()?, viewer).close_seconds(seconds);
        let options = match self.keep_days {
            Some(days) => options.keep_days(days),
            None => options,
        };
        Ok(match self.hold_days {
            Some(days) => options.hold_days(days),
            None => options,
        })
    }
}
