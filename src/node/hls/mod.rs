//! HLS broadcasts: their transport files are made here, and nodes take part in them.

pub mod create;
mod numbers;
pub mod publish;
pub mod relay;
pub mod subject;
