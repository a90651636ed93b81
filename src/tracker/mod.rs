//! The tracker: who is in which swarm.
