//! The swarm of one broadcast: a state machine that decides everything and does no I/O.
