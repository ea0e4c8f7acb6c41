//! Why files failed.
