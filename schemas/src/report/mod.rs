//! Shapes of the report files that are this project's own.
