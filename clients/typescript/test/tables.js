// The testbed's methods as generated code has them, and those that it calls.

const rows = (...rows) =>
  Object.fromEntries(rows.map(([name, params = [], more]) => [name, { name, params, ...more }]));

export const testbed = {
  version: 1,
  methods: rows(
    ["add", ["a", "b"]],
    ["echo", ["value"]],
    ["fail", ["code", "message", "data"]],
    ["sleep", ["ms"]],
    ["panic"],
    ["log", ["line"], { notification: true }],
    ["logged"],
    ["relay", ["method", "params"]],
    ["whoami"],
    ["count", ["from", "to", "step_ms"], { stream: true }],
    ["endless", [], { stream: true }],
    ["big", ["bytes", "n"], { stream: true }],
    ["fail_after", ["n"], { stream: true }],
    ["panic_after", ["n"], { stream: true }],
    ["refuse", [], { stream: true }],
    ["sum", ["numbers"], { streams: [0] }],
    ["first", ["k", "numbers", "then_ms"], { streams: [1] }],
    ["never_read", ["numbers"], { streams: [0] }],
    ["double", ["numbers"], { stream: true, streams: [0] }],
    ["measure", ["texts"], { streams: [0] }],
    ["pull", ["method", "params", "take"]],
    ["push", ["method", "n"]],
    ["streams"],
    ["shout", ["method", "n"]],
    ["drain", ["ms"]],
    ["slow_log", ["line"], { notification: true }],
    ["dropped"],
    ["area", ["shape"]],
    ["nap", ["ms"], { idempotent: true }],
    ["build", ["steps", "step_ms"], { progress: true }],
    ["build_by", ["method", "steps"]],
    ["nowhere"],
  ),
};

/** The same with another way of sending params. */
export const named = {
  version: 1,
  methods: rows(["add", ["a", "b"], { style: "named" }], ["echo", ["value"], { style: "named" }]),
};

/** What the tests serve. */
export const served = (implementation) => ({
  version: 1,
  methods: rows(
    ["title"],
    ["double_it", ["n"]],
    ["confirm", ["question"]],
    ["said", ["line"], { notification: true }],
    ["feed", ["n"], { stream: true }],
    ["feed_then_fail", ["n"], { stream: true }],
    ["endless_feed", [], { stream: true }],
    ["no_feed", [], { stream: true }],
    ["total", ["numbers"], { streams: [0] }],
    ["some", ["numbers"], { streams: [0] }],
    ["twice", ["numbers"], { stream: true, streams: [0] }],
    ["wait", []],
    ["broken", []],
    ["own_error", []],
    ["back", ["n"]],
    ["options", ["a", "b"], { optional: [1] }],
    ["whole", ["params"], { style: "single" }],
    ["work", ["n"], { progress: true }],
  ),
  implementation,
});
