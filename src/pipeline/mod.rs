//! The pipeline file: [`spec`] as written, [`template`], and [`Plan`](plan::Plan) once checked.

pub mod diagnostic;
pub mod plan;
pub mod suggest;
pub mod template;
