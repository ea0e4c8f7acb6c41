//! What is known of each tool, the probes that look for it, and the health report.
