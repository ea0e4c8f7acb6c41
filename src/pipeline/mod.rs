//! The pipeline file: [`spec`](self) as written, template, and [`Plan`](plan::Plan) once checked.

pub mod plan;
pub mod template;
