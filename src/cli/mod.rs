//! The command line: what was typed, into a validated configuration.
