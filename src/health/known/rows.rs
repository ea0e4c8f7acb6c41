//! What the words of a failure mean, whatever tool says them: they come from the system, from Python, from CUDA.

use super::{Row, exits, says};
use crate::resilience::FaultClass::{Dependency, Environment, Transient};

const GPU_MEMORY: &str = "run fewer of these at a time, or on the processor";

/// The rows for every tool, asked after the tool's own.
pub const EVERY_TOOL: &[Row] = &[
    says("no space left on device", Environment, "disk-full").hint("free room on that disk; the run goes on by itself"),
    says("disk quota exceeded", Environment, "disk-full").hint("free room in your quota; the run goes on by itself"),
    says("read-only file system", Environment, "read-only"),
    says("too many open files", Environment, "descriptors")
        .hint("raise the limit of open files (ulimit -n), or lower --jobs"),
    says("cuda out of memory", Transient, "gpu-memory").hint(GPU_MEMORY),
    says("cuda error: out of memory", Transient, "gpu-memory").hint(GPU_MEMORY),
    says("outofmemoryerror", Transient, "gpu-memory").hint(GPU_MEMORY),
    says("cudnn_status_alloc_failed", Transient, "gpu-memory").hint(GPU_MEMORY),
    says("cublas_status_alloc_failed", Transient, "gpu-memory").hint(GPU_MEMORY),
    says("torch not compiled with cuda enabled", Dependency, "gpu")
        .hint("install a build of torch with CUDA, or run it on the processor (-d cpu)"),
    says("found no nvidia driver", Dependency, "gpu").hint("install the driver, or run it on the processor"),
    says("no cuda-capable device", Dependency, "gpu"),
    says("cuda driver version is insufficient", Dependency, "gpu").hint("update the driver of the graphics card"),
    says("no cuda gpus are available", Dependency, "gpu"),
    says("error while loading shared libraries", Dependency, "library")
        .hint("install it anew: a library of it is missing"),
    says("cannot open shared object file", Dependency, "library").hint("install it anew: a library of it is missing"),
    says("symbol lookup error", Dependency, "library").hint("install it anew: a library does not fit it"),
    says("version `glibc", Dependency, "library").hint("install a build that was made for this system"),
    says("modulenotfounderror", Dependency, "module").hint("install it anew: a Python module of it is missing"),
    says("importerror:", Dependency, "module").hint("install it anew: a Python module does not fit it"),
    says("bad interpreter", Dependency, "interpreter").hint("install it anew: the interpreter it names is gone"),
    says("cannot allocate memory", Transient, "memory").hint("lower --jobs"),
    says("std::bad_alloc", Transient, "memory").hint("lower --jobs"),
    says("memoryerror", Transient, "memory").hint("lower --jobs"),
    says("out of memory", Transient, "memory").hint("lower --jobs"),
    says("resource temporarily unavailable", Transient, "busy"),
    says("temporary failure in name resolution", Transient, "network"),
    says("name or service not known", Transient, "network"),
    says("could not resolve host", Transient, "network"),
    says("nodename nor servname provided", Transient, "network"),
    says("network is unreachable", Transient, "network"),
    says("no route to host", Transient, "network"),
    says("connection refused", Transient, "network"),
    says("connection reset by peer", Transient, "network"),
    says("connection timed out", Transient, "network"),
    says("connection aborted", Transient, "network"),
    says("read timed out", Transient, "network"),
    says("http error 429", Transient, "network"),
    says("http error 500", Transient, "network"),
    says("http error 502", Transient, "network"),
    says("http error 503", Transient, "network"),
    says("http error 504", Transient, "network"),
    says("http error 401", Dependency, "refused").hint("check the credentials"),
    says("http error 403", Dependency, "refused").hint("check the credentials"),
    // A shell that ran the tool and saw it killed.
    exits(137, "killed", Transient, "signal").hint("most likely the machine ran out of memory: lower --jobs"),
];
