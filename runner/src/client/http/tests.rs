//! Real sockets against a small server.
