// The methods that the inspector serves: src/contract.rs.

const inspector = {
  version: 1,
  methods: {
    about: { name: "inspector.about", params: [] },
    samples: { name: "inspector.samples", params: [], stream: true },
    groups: { name: "inspector.groups", params: ["query"] },
    peers: { name: "inspector.peers", params: ["query"] },
    messages: { name: "inspector.messages", params: ["peer"], stream: true },
    call: { name: "inspector.call", params: ["peer", "method", "params"] },
    notify: { name: "inspector.notify", params: ["peer", "method", "params"] },
    close: { name: "inspector.close", params: ["peer"] },
  },
};
