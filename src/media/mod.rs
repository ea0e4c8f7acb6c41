//! Sound and pictures, and nothing else: this room knows no pipeline, no item and no fault class of a tool.
