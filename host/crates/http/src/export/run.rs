//! Sends a file as it is made: piece after piece, as fast as the client reads them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_export::Export;
use mcp_audit_log_service::AuditLog;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};

use crate::problem::Problem;
use crate::server::serve::Ending;
use crate::session::auth::Visitor;

/// How long rights are cached, as in a tail: a viewer who lost them gets no piece written later than this.
const BELIEVED: Duration = Duration::from_secs(2);
/// How long a client may read nothing. A stalled client would block others.
const PATIENCE: Duration = Duration::from_secs(120);

/// A piece of the response body.
pub(crate) enum Piece {
    Bytes(Bytes),
    /// The file is complete. Without this, its reader sees an error.
    End,
}

/// A file that is made piece by piece.
pub(crate) trait Making: Send + 'static {
    /// The next piece, which may be empty; `None` after the last one.
    fn step(&mut self, log: &AuditLog, access: &Grant) -> Result<Option<Vec<u8>>, Problem>;

    /// Records that all of it was sent.
    fn end(&mut self, log: &AuditLog, access: &Grant) -> Result<(), Problem>;

    /// Records that it was aborted.
    fn abort(&mut self, log: &AuditLog, access: &Grant, why: &str);
}

impl Making for Export {
    fn step(&mut self, log: &AuditLog, access: &Grant) -> Result<Option<Vec<u8>>, Problem> {
        Ok(Self::step(self, &log.view().reader(access))?)
    }

    fn end(&mut self, log: &AuditLog, access: &Grant) -> Result<(), Problem> {
        Ok(log.end_export(access, self).map(drop)?)
    }

    fn abort(&mut self, log: &AuditLog, access: &Grant, why: &str) {
        log.break_export(access, self, why);
    }
}

/// A download in progress.
pub(crate) struct Run<M> {
    visitor: Visitor,
    /// Shared with the thread that writes the next piece, so that it survives a panic there.
    making: Arc<Mutex<M>>,
    pieces: mpsc::Sender<Piece>,
    /// The server's stop signal, if this process runs the server.
    ending: Option<Ending>,
    /// The time of the last rights check.
    checked: Instant,
    _turn: OwnedSemaphorePermit,
}

impl<M: Making> Run<M> {
    /// Begins to send it. Its pieces come out of the receiver.
    pub(crate) fn begin(
        visitor: Visitor,
        making: M,
        ending: Option<Ending>,
        turn: OwnedSemaphorePermit,
    ) -> mpsc::Receiver<Piece> {
        let (pieces, body) = mpsc::channel(1);
        let making = Arc::new(Mutex::new(making));
        let run = Self { visitor, making, pieces, ending, checked: Instant::now(), _turn: turn };
        tokio::spawn(run.finish());
        body
    }

    /// Sends the whole file, and records the result.
    async fn finish(mut self) {
        if let Err(why) = self.send().await {
            let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
            making.abort(&self.visitor.site.log, &self.visitor.access, &why);
        }
    }

    async fn send(&mut self) -> Result<(), String> {
        while let Some(piece) = self.make().await.map_err(|problem| problem.detail().to_owned())? {
            // Where hardly anything matches, there is nothing to hand over for long.
            if self.pieces.is_closed() {
                return Err(gone());
            }
            if self.ending.as_ref().is_some_and(Ending::has_begun) {
                return Err(stopping());
            }
            if !piece.is_empty() {
                self.hand_over(Piece::Bytes(piece.into())).await?;
            }
        }
        // Its client has begun to take the last piece.
        let room = timeout(PATIENCE, self.pieces.reserve()).await;
        drop(room.map_err(|_| stalled())?.map_err(|_| gone())?);
        self.end().await.map_err(|problem| problem.detail().to_owned())?;
        self.hand_over(Piece::End).await
    }

    async fn make(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        if self.checked.elapsed() >= BELIEVED {
            self.visitor = self.visitor.again().await?;
            self.checked = Instant::now();
        }
        let making = Arc::clone(&self.making);
        let made = self
            .visitor
            .search_on(move |log, access| making.lock().unwrap_or_else(PoisonError::into_inner).step(log, access));
        made.await
    }

    async fn hand_over(&mut self, piece: Piece) -> Result<(), String> {
        let ended = async {
            match &mut self.ending {
                Some(ending) => ending.begun().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = ended => Err(stopping()),
            sent = timeout(PATIENCE, self.pieces.send(piece)) => sent.map_err(|_| stalled())?.map_err(|_| gone()),
        }
    }

    async fn end(&self) -> Result<(), Problem> {
        let making = Arc::clone(&self.making);
        let ended = self
            .visitor
            .change(move |log, access| making.lock().unwrap_or_else(PoisonError::into_inner).end(log, access));
        ended.await
    }
}

fn stalled() -> String {
    format!("The client read nothing for {} seconds.", PATIENCE.as_secs())
}

fn stopping() -> String {
    "The server was stopping.".to_owned()
}

fn gone() -> String {
    "The client disconnected.".to_owned()
}
