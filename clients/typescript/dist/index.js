// src/errors.ts
var RpcError = class extends Error {
  constructor(code, message2, data) {
    super(message2);
    Object.assign(this, { name: "RpcError", code, data });
  }
};
var ClosedError = class extends Error {
  constructor(close, sent) {
    super(`closed: ${close.code} ${close.reason}`);
    Object.assign(this, { name: "ClosedError", close, sent });
  }
};

// src/wire.ts
var MOST_IN_BATCH = 256;
var json = JSON.stringify;
var bytesOf = (text) => new TextEncoder().encode(text).length;
var message = (members) => json({ jsonrpc: "2.0", ...members });
var failure = (code, text, data) => new RpcError(code, text, { kind: text.toLowerCase().replaceAll(" ", "_"), ...data });
var invalid = () => failure(-32600, "Invalid Request");
var cancelled = () => failure(-32800, "Request cancelled", { kind: "cancelled" });
var errorObject = (thrown) => {
  const { code, message: message2, data } = thrown instanceof RpcError ? thrown : failure(-32603, "Internal error");
  try {
    json(data);
    return { code, message: message2, data };
  } catch {
    return { code, message: message2 };
  }
};
var errorReply = (id, thrown) => message({ id, error: errorObject(thrown) });
var decodeError = (error) => Number.isInteger(error?.code) ? new RpcError(error.code, typeof error.message == "string" ? error.message : "", error.data) : new TypeError("no error object");

// src/streams.ts
var WINDOW = [64, 262144];
var FIRST = [16, 16384];
var NOTIFICATIONS = [1024, 1048576];
var TURN = 65536;
var isTotal = (value) => Number.isInteger(value) && value >= 0;
function credit([items, bytes], changed) {
  let sent = 0;
  let sentBytes = 0;
  return [
    // The larger totals count, and malformed ones are ignored.
    ([more, moreBytes]) => {
      if (!isTotal(more) || !isTotal(moreBytes)) return;
      items = Math.max(items, more);
      bytes = Math.max(bytes, moreBytes);
      changed();
    },
    (more, moreBytes) => {
      const enough = sent + more <= items && sentBytes + (more > 1 ? moreBytes : 0) < bytes;
      if (enough) {
        sent += more;
        sentBytes += moreBytes;
      }
      return enough;
    }
  ];
}
function taker(window, granted, grant) {
  let [items, bytes] = window;
  return (more, moreBytes) => {
    items += more;
    bytes += moreBytes;
    if (items - granted[0] >= window[0] / 2 || bytes - granted[1] >= window[1] / 2) {
      grant(Object.assign(granted, [items, bytes]));
    }
  };
}
function inbox(granted, grant, drop, excess, begin) {
  let items = [];
  let received = 0;
  let ended;
  let failed;
  let wake;
  const take = taker(WINDOW, granted, (totals) => ended || grant(totals));
  const end = (failure2, discard) => {
    if (discard) items = [];
    if (!ended) failed = failure2;
    ended = true;
    wake?.();
  };
  const stream = (async function* () {
    begin?.();
    for (take(0, 0); ; ) {
      while (!items[0] && !ended) await new Promise((resolve) => wake = resolve);
      const item = items.shift();
      if (!item) break;
      take(1, item[1]);
      yield item[0];
    }
    if (failed) throw failed[0];
  })();
  const leave = stream.return.bind(stream);
  stream.return = (value) => {
    if (!ended) drop();
    end(failed = void 0, true);
    return leave(value);
  };
  return {
    stream,
    end,
    push(more, length) {
      if (ended) return;
      if ((received += more.length) > granted[0]) return excess();
      for (const item of more) items.push([item, Math.ceil(3 * (length - 51) / more.length)]);
      wake?.();
    }
  };
}
function produce(source, granted, tell, end, { buffered, maxMessage }, first) {
  let stopped = false;
  let opening;
  let iterator;
  let wake = () => {
  };
  let texts = [];
  const [grant, use] = credit(granted, () => wake());
  const most = Math.min(TURN, maxMessage);
  const stop = () => {
    stopped = true;
    texts = [];
    wake();
    (async () => iterator?.return?.())().catch(() => {
    });
  };
  const flush = () => {
    const items = texts;
    texts = [];
    if (opening || items[0]) tell(items);
    opening = false;
  };
  const run = async () => {
    const items = await source;
    iterator = items[Symbol.asyncIterator]?.() ?? items[Symbol.iterator]();
    opening = first;
    try {
      for (let size = 0; !stopped; ) {
        let ready;
        const step = Promise.resolve(iterator.next()).finally(() => ready = true);
        step.catch(() => {
        });
        for (let turns = 9; turns-- && !ready; ) await 0;
        if (!ready) flush();
        const { done, value } = await step;
        if (done) return;
        const text = json(value) ?? "null";
        const bytes = bytesOf(text);
        while (!stopped && !use(1, bytes)) {
          flush();
          await new Promise((resolve) => wake = resolve);
        }
        if (stopped) return;
        if ((size += bytes + 64) > most) flush();
        texts.push(text);
        if (size > most) {
          flush();
          size = 0;
          do
            await new Promise((resolve) => setTimeout(resolve));
          while (!stopped && buffered() > TURN);
        }
      }
    } finally {
      if (texts[0]) flush();
    }
  };
  const finish = (failure2) => {
    if (!stopped) {
      if (failure2) flush();
      end(failure2);
    }
    stop();
  };
  run().then(
    () => finish(),
    (error) => finish([error])
  );
  return [stop, grant];
}

// src/tables.ts
var rowsOf = ({ version, methods }) => {
  if (version != 1) throw new TypeError(`a table of version ${version}`);
  return methods;
};

// src/calls.ts
var LONGEST = 2 ** 31 - 1;
var MOST_SENT = 5;
function callsOf(link, options) {
  const { send, fit, tell, scope } = link;
  const open = /* @__PURE__ */ new Set();
  let queue = [];
  let places = options.queue ?? 1024;
  let collected;
  let lastId = 0;
  let last = { code: 1006, reason: "" };
  let phase = 0;
  let allowed;
  const refuse = (calls, error) => {
    for (const call of calls) call.settle([error ?? new ClosedError(last, !!call.sent)]);
  };
  const waits = (all) => {
    const calls = all.filter((call) => !call.over);
    if (!calls[0]) return false;
    if (phase < (calls[0].direct ? 1 : 2)) return true;
    try {
      if (all[MOST_IN_BATCH]) throw new RangeError("more than 256 calls");
      if ((all[1] || !link.v1) && calls.some((call) => call.stream || call.sources[0]))
        throw new TypeError("streams need birpc.v1");
      let id = lastId;
      const texts = calls.map(
        ({ notification, text: text2 }) => notification ? text2 : `${text2.slice(0, -1)},"id":${++id}}`
      );
      const text = fit(all[1] ? `[${texts}]` : texts[0]);
      const sizes = calls.filter((call) => call.notification).map((call) => bytesOf(call.text));
      if (sizes[0] && link.v1 && !allowed[1](
        sizes.length,
        sizes.reduce((sum, size) => sum + size)
      ))
        return true;
      for (const call of calls) {
        call.sent++;
        if (!call.notification) call.listen(++lastId);
      }
      send(text);
      for (const call of calls) if (call.notification) call.settle();
    } catch (error) {
      refuse(calls, error);
    }
    return false;
  };
  const flush = () => {
    const jobs = queue;
    queue = [];
    queue = [...jobs.filter(waits), ...queue];
  };
  const submit = (calls) => {
    queue.push(calls);
    flush();
    if (queue.length > places && queue.at(-1) == calls) refuse(queue.pop());
  };
  const invoke = (method, args, direct) => {
    const { name, params, style, streams, stream, notification } = method;
    const {
      signal,
      timeout = options.timeout,
      onprogress
    } = args[params.length] ?? {};
    let id = 0;
    let timer;
    let finish;
    let box;
    const leave = (failure2) => {
      if (open.has(call) && link.v1) send(message({ method: "rpc.cancel", params: { id } }));
      call.settle(failure2, true);
      flush();
    };
    const abort = () => leave([signal.reason]);
    const call = {
      ...method,
      text: "",
      sent: 0,
      direct,
      sources: [],
      ends: [],
      settle(failure2, value) {
        if (call.over) return;
        call.over = true;
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        open.delete(call);
        for (const end of call.ends) end();
        finish(failure2, value);
      },
      listen(next) {
        id = next;
        const [listen, ends] = scope();
        open.add(call);
        call.ends = ends;
        listen("", [id], ([result, error]) => {
          if (error == null && result !== void 0) call.settle(void 0, result);
          else call.settle([decodeError(result == null && error)]);
        });
        listen("item", [id], (items, length) => {
          clearTimeout(timer);
          box?.push(items, length);
        });
        listen("progress", [id], (values) => {
          if (onprogress && values.length == 1) queueMicrotask(() => onprogress(values[0]));
        });
        for (const [k, source] of call.sources) {
          const at = [id, k];
          const end = (failure2) => {
            try {
              tell("done", at, failure2 && [json(errorObject(failure2[0]))]);
            } catch {
              tell("done", at, [json(errorObject(0))]);
            }
          };
          const [stop, grant] = produce(source, FIRST, (texts) => tell("push", at, texts), end, link);
          listen("want", at, grant);
          listen("stop", at, stop);
          ends.push(stop);
        }
      }
    };
    const start = () => {
      if (timeout != null) {
        const late = () => leave([new DOMException("timeout", "TimeoutError")]);
        timer = setTimeout(late, Math.min(timeout, LONGEST));
      }
      signal?.addEventListener("abort", abort);
      try {
        const values = params.map(
          (_, k) => streams?.includes(k) ? (call.sources.push([k, args[k]]), { stream: k }) : args[k]
        );
        while (!style && values.length && values.at(-1) === void 0) values.pop();
        call.text = message({
          method: name,
          params: style == "single" ? values[0] : style ? Object.fromEntries(values.map((value, k) => [params[k], value])) : params[0] && values,
          progress: onprogress && true,
          stream: stream && WINDOW
        });
      } catch (error) {
        call.settle([error]);
      }
      if (signal?.aborted) abort();
      if (collected) collected.push(call);
      else submit([call]);
    };
    if (stream) {
      box = inbox(
        [...WINDOW],
        (totals) => tell("more", [id, ...totals]),
        leave,
        () => leave([invalid()]),
        start
      );
      finish = (failure2, discard) => box.end(failure2, failure2 && discard);
      return box.stream;
    }
    const promise = new Promise((resolve, reject) => {
      finish = (failure2, value) => failure2 ? reject(failure2[0]) : resolve(value);
      start();
    });
    if (notification) promise.catch(() => {
    });
    return promise;
  };
  return {
    stub(table, direct) {
      const rows = rowsOf(table);
      return new Proxy({}, {
        get: (_, key) => Object.hasOwn(rows, key) ? (...args) => invoke(rows[key], args, direct) : void 0
      });
    },
    batch(make) {
      const calls = collected = [];
      try {
        return Promise.all(make());
      } finally {
        collected = void 0;
        submit(calls);
      }
    },
    /** More may be sent. */
    begin(now) {
      if (!phase) allowed = credit(NOTIFICATIONS, flush);
      phase = now;
      flush();
    },
    /** The peer allows more notifications. */
    allow(totals) {
      allowed[0](totals);
    },
    /** The connection has ended, and there will be another one or none. */
    lost(close, again) {
      last = close;
      phase = 0;
      for (const call of open) {
        open.delete(call);
        for (const end of call.ends) end();
        if (again && call.idempotent && !call.stream && !call.sources[0] && call.sent < MOST_SENT)
          queue.push([call]);
        else refuse([call]);
      }
      if (again) return;
      places = -1;
      refuse(queue.splice(0).flat());
    }
  };
}

// src/serving.ts
var MOST_OPEN = 4096;
function handlersOf(served = []) {
  const handlers = /* @__PURE__ */ new Map();
  for (const table of served) {
    for (const [key, row] of Object.entries(rowsOf(table))) {
      handlers.set(row.name, [row, (...args) => table.implementation[key](...args)]);
    }
  }
  return handlers;
}
function servingOf(link, peer, handlers) {
  const { fit, tell, scope, find } = link;
  const open = /* @__PURE__ */ new Set();
  const granted = [...NOTIFICATIONS];
  const take = taker(NOTIFICATIONS, granted, (totals) => tell("allow", totals));
  let notified = 0;
  const run = ({ id, method, params, stream, progress }, reply, alone) => {
    const handler = handlers.get(method);
    if (!handler) throw failure(-32601, "Method not found", { method: method.slice(0, 200) });
    const [row, implementation] = handler;
    const { params: names, style, optional, streams } = row;
    const opening = !row.stream || stream?.length == 2 && Array.isArray(stream) && stream.every(isTotal);
    if ((row.stream || streams) && !(link.v1 && alone && opening)) throw invalid();
    const controller = new AbortController();
    const [listen, ends] = scope();
    let over;
    let newest;
    const end = (text, reason) => {
      if (over) return;
      over = true;
      open.delete(cancel);
      for (const each of ends) each();
      if (reason) controller.abort(reason);
      try {
        reply(text());
      } catch {
        reply(errorReply(id, void 0));
      }
    };
    const complete = (result2) => end(() => fit(message({ id, result: result2 ?? null })));
    const fail = (error) => end(() => fit(errorReply(id, error)));
    const cancel = (error) => end(() => errorReply(id, error), error);
    const values = style == "single" ? [params ?? void 0] : params;
    const seen = [];
    const wrong = (name) => failure(-32602, "Invalid params", { detail: name });
    const args = names.map((name, i) => {
      const value = Array.isArray(values) ? values[i] : values?.[name];
      if (!streams?.includes(i)) {
        if (value === void 0 && !optional?.includes(i)) throw wrong(name);
        return value;
      }
      const k = value?.stream;
      if (!isTotal(k) || k > 65535 || Object.keys(value).length > 1 || seen.includes(k)) throw wrong(name);
      seen.push(k);
      const at = [id, k];
      const stop2 = () => tell("stop", at);
      const box = inbox(
        [...FIRST],
        (totals) => tell("want", [...at, ...totals]),
        stop2,
        () => cancel(invalid())
      );
      listen("push", at, box.push);
      listen("done", at, (failure2) => box.end(failure2.length ? [decodeError(failure2[0])] : void 0));
      ends.push(() => box.end([cancelled()], true));
      return box.stream;
    });
    if (Array.isArray(values) && values.slice(names.length).some((value) => value !== null))
      throw wrong("too many");
    if (id != null) listen("cancel", [id], () => cancel(cancelled()));
    open.add(cancel);
    const report = (value) => {
      if (progress !== true || !link.v1 || id == null) return;
      if (!newest) {
        queueMicrotask(() => {
          try {
            if (!over) tell("progress", [id], [newest]);
          } catch {
          }
          newest = void 0;
        });
      }
      newest = json(value) ?? "null";
    };
    const result = (async () => implementation(...args, { signal: controller.signal, peer, progress: report }))();
    if (!row.stream) return void result.then(complete, fail);
    const sent = (failure2) => failure2 ? fail(failure2[0]) : complete(null);
    const [stop, grant] = produce(result, stream, (texts) => tell("item", [id], texts), sent, link, true);
    listen("more", [id], grant);
    ends.push(stop);
  };
  return {
    request(request, reply, alone) {
      const { id, method, params } = request;
      try {
        if (find("cancel", [id])) throw invalid();
        if (link.v1 && method == "rpc.ping" && params == null) reply(message({ id, result: null }));
        else if (open.size >= MOST_OPEN) throw failure(-32005, "Limit exceeded", { served: false });
        else run(request, reply, alone && id != null);
      } catch (error) {
        reply(errorReply(id, error));
      }
    },
    /** Returns false if it had no credit. */
    notify(notification, text) {
      if (link.v1 && ++notified > granted[0]) return false;
      const done = () => link.v1 && take(1, bytesOf(text));
      const many = open.size >= MOST_OPEN;
      if (many && !link.v1) return true;
      try {
        run(notification, many ? done : () => {
        }, false);
        if (!many) done();
      } catch {
        done();
      }
      return true;
    },
    /** The connection has ended. */
    lost(reason) {
      for (const cancel of open) cancel(reason);
    }
  };
}

// src/connect.ts
var AGAIN = [1001, 1006, 1011, 1012, 1013];
var MOST_RUBBISH = 16;
function connect(url, options = {}) {
  const { onconnect, heartbeat = 2e4, maxMessage = 1048576, reconnect = {} } = options;
  const { first = 250, most = 3e4 } = reconnect || {};
  const handlers = handlersOf(options.serve);
  const listeners = /* @__PURE__ */ new Set();
  const heard = /* @__PURE__ */ new Map();
  let socket;
  let serving;
  let timer;
  let silent = 0;
  let rubbish = 0;
  let failed = 0;
  let ended;
  const link = {
    v1: false,
    maxMessage,
    send: (text) => socket?.send(text),
    fit(text) {
      if (bytesOf(text) > maxMessage) throw new RangeError("a message over maxMessage");
      return text;
    },
    tell(name, params, texts = []) {
      const list = [json(params).slice(1, -1), ...texts];
      const text = `{"jsonrpc":"2.0","method":"rpc.${name}","params":[${list}]}`;
      send(texts[0] ? fit(text) : text);
    },
    buffered: () => socket?.bufferedAmount ?? 0,
    scope() {
      const ends = [];
      return [
        (name, at, listener) => {
          const key = name + json(at);
          heard.set(key, listener);
          ends.push(() => heard.delete(key));
        },
        ends
      ];
    },
    // Ids are no objects, which may be too deep to become texts.
    find: (name, at) => at.some((part) => Object(part) === part) ? void 0 : heard.get(name + json(at))
  };
  const { send, fit, find } = link;
  const calls = callsOf(link, options);
  const word = (name, params, length) => {
    const list = Array.isArray(params) ? params : [params?.id];
    const [id, k] = list;
    const listener = name && find(name, [id]);
    if (name == "allow") calls.allow(list);
    else if (listener) listener(list.slice(1), length);
    else find(name, [id, k])?.(list.slice(2), length);
  };
  const take = (element, text, reply, alone) => {
    if (!serving) return;
    const { jsonrpc, id, method, params, result, error } = element ?? {};
    if (method === void 0) {
      const answer = find("", [id]);
      answer?.([result, error], 0);
      if (answer || result !== void 0 || error !== void 0) return reply();
    }
    const isRequest = id === null || /^[sn]/.test(typeof id);
    const valid = jsonrpc === "2.0" && typeof method == "string" && typeof (params ?? {}) == "object";
    if (!valid || !isRequest && id !== void 0) reply(errorReply(isRequest ? id : null, invalid()));
    else if (isRequest) serving.request(element, reply, alone);
    else {
      reply();
      if (link.v1 && method.startsWith("rpc.")) word(method.slice(4), params, text.length);
      else if (!serving.notify(element, text)) abandon(1008, "a notification without credit (rpc.allow)");
    }
  };
  const receive = (data) => {
    let text, message2;
    silent = 0;
    try {
      text = typeof data == "string" ? data : new TextDecoder("utf-8", { fatal: true }).decode(data);
      message2 = JSON.parse(text);
      rubbish = 0;
    } catch {
      if (++rubbish < MOST_RUBBISH) send(errorReply(null, failure(-32700, "Parse error")));
      else abandon(1007, `${MOST_RUBBISH} messages in a row were not JSON`);
      return;
    }
    const alone = !Array.isArray(message2);
    const elements = alone ? [message2] : message2;
    let due = elements.length;
    if (!due || due > MOST_IN_BATCH) return send(errorReply(null, invalid()));
    const replies = [];
    const reply = (text2) => {
      if (text2) replies.push(text2);
      if (--due || !replies[0]) return;
      const all = `[${replies}]`;
      (alone || bytesOf(all) > maxMessage ? replies : [all]).forEach(send);
    };
    for (const element of elements) take(element, text, reply, alone);
  };
  const set = (state) => {
    if (state != peer.state) for (const listener of listeners) queueMicrotask(() => listener(state));
    peer.state = state;
  };
  const lost = (code, reason, sent) => {
    const close = { code, reason };
    const again = code != sent && reconnect !== false && AGAIN.includes(code);
    const [closing, served] = [socket, serving];
    socket = serving = void 0;
    clearInterval(timer);
    timer = void 0;
    if (sent) closing?.close(sent, reason);
    else closing?.close();
    served?.lost(new ClosedError(close, true));
    calls.lost(close, again);
    if (peer.state == "closed") return;
    if (again) {
      const least = failed || code == 1006 || code == 1011 ? 0 : 2e3;
      timer = setTimeout(wake, Math.random() * Math.max(least, Math.min(most, first * 2 ** failed++)));
      set("waiting");
    } else {
      events("remove");
      set("closed");
      ended(close);
    }
  };
  const abandon = (code, reason) => lost(code, reason, code + 3e3);
  const watch = () => {
    if (serving) failed = 0;
    if (!serving || ++silent > 2 && link.v1) lost(1006, "the peer is silent");
    else if (silent == 2 && link.v1) send(message({ method: "rpc.ping", id: "ping" }));
  };
  const attempt = async () => {
    const mine = timer = setInterval(watch, heartbeat);
    silent = rubbish = 0;
    set("connecting");
    let final;
    try {
      const target = await (typeof url == "function" ? url() : url);
      if (mine != timer) return;
      final = 1006;
      const opening = new (options.WebSocket ?? WebSocket)(`${target}`, ["jsonrpc", "birpc.v1"]);
      socket = opening;
      opening.binaryType = "arraybuffer";
      opening.onerror = () => socket == opening && !serving && lost(1006, "no connection");
      opening.onclose = ({ code, reason }) => socket == opening && lost(serving && code || 1006, reason);
      opening.onmessage = ({ data }) => socket == opening && receive(data);
      opening.onopen = async () => {
        if (socket != opening) return;
        link.v1 = (peer.protocol = opening.protocol) == "birpc.v1";
        serving = servingOf(link, direct, handlers);
        calls.begin(1);
        try {
          await onconnect?.(direct);
        } catch {
          if (socket == opening) abandon(1011, "onconnect failed");
        }
        if (socket == opening) {
          set("open");
          calls.begin(2);
        }
      };
    } catch (error) {
      if (mine == timer) lost(1006, `${error}`, final);
    }
  };
  const wake = () => {
    if (peer.state == "waiting") {
      clearTimeout(timer);
      void attempt();
    }
  };
  const events = (verb) => {
    for (const event of ["online", "visibilitychange"]) globalThis[`${verb}EventListener`]?.(event, wake);
  };
  const peer = {
    state: "connecting",
    protocol: "",
    closed: new Promise((resolve) => ended = resolve),
    call: (table) => calls.stub(table),
    batch: calls.batch,
    onstate(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close(code = 1e3, reason = "") {
      if (code != 1e3 && !(code >= 3e3 && code < 5e3)) throw new RangeError("close code");
      socket?.close(code, reason);
      if (peer.state != "closed") lost(code, reason, code);
    }
  };
  const direct = { __proto__: peer, call: (table) => calls.stub(table, true) };
  events("add");
  void attempt();
  return peer;
}
export {
  ClosedError,
  RpcError,
  connect
};
