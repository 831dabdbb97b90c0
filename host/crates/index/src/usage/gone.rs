//! What is not there any more: entries that the cleanup took, and runs that are damaged for good.

use std::ops::Range;

use super::cuts::CUTS;
use super::entries::Requests;
use super::question::within;
use super::runs::{Grain, Run};
use super::source::Source;
use crate::StoreError;
use crate::search::plan::Plan;
use mcp_audit_log_filter::Domain;

impl Source<'_> {
    /// Whether something that was read is damaged for good.
    pub(crate) fn is_damaged(&self) -> bool {
        let end = self.runs.iter().try_fold(self.kept, |end, run| (run.first == end).then_some(run.end()));
        self.damaged.get() || end.is_none_or(|end| end < self.pruned)
    }

    /// Whether entries of requests that began in `range`, which is one of whole hours, are gone.
    pub(crate) fn is_gone(&self, range: &Range<i64>) -> Result<bool, StoreError> {
        let times = within(std::slice::from_ref(range));
        let (mut counted, mut there) = (0, 0);
        // Only one of them has entries left.
        for run in self.runs.iter().filter(|run| run.first < self.pruned && run.touches(range)) {
            for key in run.keys(CUTS[0], Grain::Hour, None) {
                let cells = self.readable(run, run.cells(self.log, key))?;
                let Some(cells) = cells else { return Ok(true) };
                let sums = self.readable(run, run.sums(self.log, key, &cells))?;
                let Some(sums) = sums else { return Ok(true) };
                counted += sums.requests(&times.find(self.log, &cells.block, cells.all())?);
            }
            if run.end() > self.pruned {
                there += self.left_of(run, &times)?;
            }
        }
        Ok(there < counted)
    }

    /// How many requests of a run there are still entries of.
    fn left_of(&self, run: &Run, times: &Plan) -> Result<u64, StoreError> {
        let requests = Requests::new(self.log, self.texts, Domain::TRUE)?;
        let mut count = 0;
        for (block, places) in self.folded.blocks() {
            let found = times.find(self.log, block, places.and(&block.within(&(run.first..run.end()))))?;
            count += requests.find(self.log, block, found)?.count();
        }
        Ok(count)
    }
}
