//! One file a mode: composes the parts and owns their tasks.

pub mod config;
pub mod inspect;
pub mod tracker;
