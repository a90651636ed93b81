//! HLS broadcasts: what nodes say of streams and segments. The piece table and its form are this project's
//! own; other engines are not known to read it.

pub mod catalog;
pub mod descriptor;
pub mod entry;
mod fields;
pub mod segment;
pub mod table;
pub mod transport;
