//! Files: keys, numbers, state directory, pid file.
