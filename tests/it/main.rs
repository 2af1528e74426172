//! Integration tests in one binary: one module for each kind of behaviour.
//!
//! Tests have a binary of their own only where they need one: `ui` runs the compiler, and each test of
//! `observe_tracing` sets a subscriber of its own, which changes what tests in other threads hear.

#[path = "../support/mod.rs"]
mod support;

// One line for each module, in alphabetical order.
#[cfg(feature = "axum-08")]
mod axum_routes;
mod batch;
mod batch_failures;
mod before_attempt;
mod blocked_task;
mod blocked_task_client;
mod blocked_task_edges;
mod blocked_task_log;
mod blocked_task_server;
mod blocking;
mod bounded_waits;
mod call_layers;
mod cancel;
mod closing;
mod connect_now;
mod connecting;
#[cfg(feature = "schema")]
mod contract;
#[cfg(feature = "schema")]
mod contract_types;
mod cuts;
mod deadlines;
mod dial;
mod dialects;
mod docs;
mod drain;
mod dyn_services;
mod encoded_notifications;
mod error_codes;
mod error_data;
mod fairness;
mod fallback;
mod faults;
mod first_steps;
mod floats;
mod floods;
mod flushes;
mod groups;
mod groups_ask;
mod groups_delivery;
mod groups_joins;
mod groups_joins_users;
mod groups_servers;
mod groups_servers_ask;
mod groups_servers_calls;
mod groups_servers_presence;
mod groups_users;
mod half_messages;
mod handlers;
mod handshake;
mod hosts;
mod idle_buffers;
mod idle_streams;
mod in_memory;
#[cfg(feature = "inspector")]
mod inspector;
mod keepalive;
mod limits;
mod line_width;
mod listening;
mod log_pages;
mod long_ids;
mod loss;
mod macro_generics;
mod macro_names;
mod macro_params;
mod macro_scopes;
mod macros;
mod memory;
#[cfg(feature = "metrics")]
mod metrics;
mod middleware;
mod module_order;
mod nested;
mod not_served;
mod notification_credit;
mod null_ids;
mod occupied;
mod offers;
mod open_calls;
mod order;
mod ordered;
mod other_messages;
mod outage;
mod overflow;
mod ownership;
mod panic_logs;
mod panics;
mod pause_reading;
mod paused_process;
mod presence;
mod pressure;
mod processes;
mod progress;
mod progress_dialects;
mod progress_timeouts;
mod progress_words;
#[cfg(feature = "proxy")]
mod proxy_env;
mod public_api;
mod rate_limit;
mod reconnect;
mod reconnect_calls;
mod reconnect_shutdown;
mod reconnect_storm;
mod refusals;
mod resubscribing;
mod routers;
mod secrets_of_clients;
mod sensitive;
mod serve_transport;
mod served_subscriptions;
mod server_limits;
mod server_setup;
mod serving;
mod settings;
mod shield;
mod sink_stream;
mod slow_readers;
mod stalls;
mod stream_chance;
mod stream_drain;
mod stream_endings;
mod stream_kills;
#[cfg(feature = "metrics")]
mod stream_metrics;
mod stream_words;
mod streams;
mod subscribing;
mod subscription_lives;
#[cfg(feature = "metrics")]
mod subscription_metrics;
mod symmetry;
mod test_context;
#[cfg(feature = "tls")]
mod tls;
mod topics;
mod transcripts;
mod tungstenite;
mod turns;
mod typed_errors;
mod value_or_stream;
mod wakers;
mod wire_log;
