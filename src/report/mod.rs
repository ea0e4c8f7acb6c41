//! Front ends for eyes other than a screen: plain lines, JSON, and the summary.
