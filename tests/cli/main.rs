//! The command line as people type it: the real binary for what it prints and how it ends, the parser
//! for what every documented option does to the configuration.

mod bad_input;
mod configuration;
mod default_config;
mod deploy;
mod documented;
mod environment;
mod generated;
mod life_cycle;
mod nonsense;
mod program;
mod reference;
mod rules;
mod table;
