//! The one stream of events, the commands, and the run's state, which is the fold of all events.
