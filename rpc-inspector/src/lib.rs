//! The inspector of birpc: a page that shows what a server does. Applications use it as `birpc::inspector`.
//!
//! [`Inspector`] serves the page from a listener of its own. The page is a birpc client of the methods
//! `inspector.*`. As long as no page is open, an inspected server does nothing more than look whether there
//! is one.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod access;
mod clock;
mod contract;
mod group_list;
mod histogram;
mod inspector;
mod message_log;
mod page;
mod peer_list;
mod sampler;
mod service;
mod tallies;
mod token;
mod watch;
mod web;

pub use inspector::{InspectError, Inspector, InspectorBuilder};
