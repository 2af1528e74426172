// All tests that an engine can run. `node test/all.js` needs the URL of a testbed in TESTBED.

import { finish, setting } from "./harness.js";

const files = (
  setting("TESTS") ?? "peer,peer_streams,peer_limits,ports,random,reconnect,transcripts,testbed"
).split(",");
for (const file of files) await import(`./${file}.js`);
finish();
