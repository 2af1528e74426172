//! Integration tests in one binary: one module for each kind of behaviour.

#[path = "../support/mod.rs"]
mod support;

// One line for each module, in alphabetical order.
#[cfg(feature = "axum")]
mod axum_routes;
mod before_attempt;
mod bounded_waits;
mod connect_now;
mod cuts;
mod dial;
mod docs;
mod dyn_services;
mod error_data;
mod floats;
mod half_messages;
mod held;
mod held_edges;
mod held_server;
mod hosts;
mod listening;
mod long_ids;
mod macro_generics;
mod macro_names;
mod macro_params;
mod macro_scopes;
mod not_served;
mod null_ids;
mod occupied;
mod offers;
mod other_messages;
mod outage;
mod paused_process;
#[cfg(feature = "proxy")]
mod proxy_env;
mod refusals;
mod secrets_of_clients;
mod sensitive;
mod serve_transport;
mod server_setup;
mod sink_stream;
mod slow_readers;
mod tungstenite;
mod turns;
mod wakers;
mod wire_log;
