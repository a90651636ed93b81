//! HLS broadcasts: their transport files are made here.

pub mod create;
