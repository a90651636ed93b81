//! The name of a node in its log lines, where one process runs several. A task has the name of the task that
//! started it, so every task of a node is started by way of [`of_node`].

use std::fmt;
use std::future::Future;

use tracing::field::{Field, Visit};
use tracing::instrument::{Instrument, Instrumented};
use tracing::span::Attributes;
use tracing::{Metadata, Span};

const TARGET: &str = "acestream.node";

/// What the lines of a node and of all that it starts are written under.
pub fn named(name: &str) -> Span {
    // at the level that is always written: the lines decide for themselves
    tracing::error_span!(target: TARGET, "node", name)
}

/// `future` as a part of the node that starts it.
pub fn of_node<F: Future>(future: F) -> Instrumented<F> {
    future.in_current_span()
}

/// Whether this is what [`named`] makes.
pub(super) fn is_name(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == TARGET
}

/// Kept beside the span that [`named`] makes.
#[derive(Debug, Default)]
pub(super) struct NodeName(pub String);

impl NodeName {
    /// The name, if the new span is one.
    pub fn of(attributes: &Attributes<'_>) -> Option<Self> {
        let mut name = Self::default();
        is_name(attributes.metadata()).then(|| attributes.record(&mut name))?;
        Some(name)
    }
}

impl Visit for NodeName {
    fn record_str(&mut self, _: &Field, value: &str) {
        value.clone_into(&mut self.0);
    }

    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        self.0 = format!("{value:?}");
    }
}
