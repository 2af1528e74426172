// Built from clients/typescript/src by `npm run build`. Do not edit.
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
  let { code, message: message2, data } = thrown instanceof RpcError ? thrown : failure(-32603, "Internal error");
  try {
    json(data);
  } catch {
    data = void 0;
  }
  return { code, message: message2, data };
};
var errorReply = (id, thrown) => message({ id, error: errorObject(thrown) });
var decodeError = (error) => Number.isInteger(error?.code) ? new RpcError(error.code, typeof error.message == "string" ? error.message : "", error.data) : new TypeError("no error object");

// src/streams.ts
var WINDOW = [64, 262144];
var FIRST = [16, 16384];
var NOTIFICATIONS = [1024, 1048576];
var TURN = 65536;
var isTotal = (value) => Number.isInteger(value) && value >= 0;
var areTotals = (value) => Array.isArray(value) && value.length == 2 && value.every(isTotal);
function sender(listen, word, [items, bytes], changed) {
  let sent = 0;
  let sentBytes = 0;
  listen(word, (totals) => {
    if (!areTotals(totals)) return;
    items = Math.max(items, totals[0]);
    bytes = Math.max(bytes, totals[1]);
    changed();
  });
  return (more, moreBytes) => {
    const enough = sent + more <= items && sentBytes + (more > 1 ? moreBytes : 0) < bytes;
    if (enough) {
      sent += more;
      sentBytes += moreBytes;
    }
    return enough;
  };
}
function receiver([most, mostBytes], granted, grant) {
  let [items, bytes] = [most, mostBytes];
  let received = 0;
  return (arrived, taken, takenBytes) => {
    received += arrived;
    items += taken;
    bytes += takenBytes;
    if (!arrived && (items - granted[0] >= most / 2 || bytes - granted[1] >= mostBytes / 2))
      grant(granted = [items, bytes]);
    return received <= granted[0];
  };
}
function inbox(granted, grant, drop, begin) {
  let items = [];
  let ended;
  let wake;
  const count = receiver(WINDOW, granted, (totals) => ended || grant(totals));
  const end = (failure2, discard) => {
    if (discard) items = [];
    ended ??= failure2 ?? [];
    wake?.();
  };
  const stream = (async function* () {
    begin?.();
    count(0, 0, 0);
    for (; ; ) {
      const item = items.shift();
      if (item) {
        count(0, 1, item[1]);
        yield item[0];
      } else if (!ended) await new Promise((resolve) => wake = resolve);
      else if (ended.length) throw ended[0];
      else return;
    }
  })();
  const leave = stream.return.bind(stream);
  stream.return = (value) => {
    if (!ended) drop();
    end(void 0, true);
    return leave(value);
  };
  return {
    stream,
    end,
    push(more, size) {
      if (ended) return;
      if (!count(more.length, 0, 0)) return drop([invalid()]);
      for (const item of more) items.push([item, Math.ceil(size / more.length)]);
      wake?.();
    }
  };
}
function produce({ buffered, maxMessage, tell }, { listen, ends }, at, item, more, source, granted) {
  let stopped;
  let opening;
  let iterator;
  let wake;
  let texts = [];
  const most = Math.min(TURN, maxMessage);
  const use = sender(listen, more + json(at), granted, () => wake?.());
  const stop = () => {
    stopped = true;
    wake?.();
    (async () => iterator?.return?.())().catch(() => {
    });
  };
  const flush = () => {
    if (!stopped && (opening || texts[0])) tell(item, at, texts);
    opening = false;
    texts = [];
  };
  const run = async () => {
    try {
      const items = await source;
      iterator = (items[Symbol.asyncIterator] ?? items[Symbol.iterator]).call(items);
      opening = at.length < 2;
      for (let size = 0; !stopped; ) {
        let ready;
        const step = Promise.resolve(iterator.next()).finally(() => ready = true);
        step.catch(() => {
        });
        for (let turns = 9; turns-- && !ready; ) await 0;
        if (!ready) flush();
        const { done, value } = await step;
        if (done) return void (opening = false);
        const text = json(value) ?? "null";
        const bytes = bytesOf(text);
        while (!stopped && !use(1, bytes)) {
          flush();
          await new Promise((resolve) => wake = resolve);
        }
        if ((size += bytes + 64) > most) {
          flush();
          size = bytes;
          do
            await new Promise((resolve) => setTimeout(resolve));
          while (!stopped && buffered() > TURN);
        }
        texts.push(text);
      }
    } finally {
      flush();
    }
  };
  ends.push(stop);
  return [run().finally(() => stopped ? new Promise(() => {
  }) : stop()), stop];
}

// src/tables.ts
var rowsOf = ({ version, methods }) => {
  if (version != 1) throw new TypeError(`a table of version ${version}, not 1`);
  return methods;
};

// src/calls.ts
var FOREVER = 2 ** 31;
var MOST_SENT = 5;
var textOf = (row, args, id, onprogress) => {
  const { name: method, params: names, style, streams, stream } = row;
  const values = names.map((_, k) => streams?.includes(k) ? { stream: k } : args[k]);
  while (!style && values.length && values.at(-1) === void 0) values.pop();
  const params = style == "single" ? values[0] : style ? Object.fromEntries(values.map((value, k) => [names[k], value])) : names[0] && values;
  return message({ method, params, progress: onprogress && true, stream: stream && WINDOW, id });
};
function callsOf(link, defaults) {
  const { send, fit, tell, scope, heard } = link;
  let queue = [];
  let places = defaults.queue ?? 1024;
  let collected;
  let lastId = 0;
  let last = { code: 1006, reason: "" };
  let phase = 0;
  let use;
  const refuse = (calls, error) => {
    for (const call of calls) call.refuse(error);
  };
  const waits = (all) => {
    const calls = all.filter((call) => !call.over);
    if (!calls[0]) return false;
    if (phase < calls[0].needs) return true;
    try {
      if (all[MOST_IN_BATCH]) throw new RangeError("more than 256 calls");
      if ((all[1] || !link.v1) && calls.some((call) => call.streaming))
        throw new TypeError("streams need birpc.v1");
      const texts = calls.map((call) => call.text);
      const text = fit(all[1] ? `[${texts}]` : texts[0]);
      const notes = calls.filter((call) => call.notification);
      const size = bytesOf(notes.map((call) => call.text).join(""));
      if (notes[0] && link.v1 && !use(notes.length, size)) return true;
      for (const call of calls) call.begin();
      send(text);
    } catch (error) {
      refuse(calls, error);
    }
    return false;
  };
  const flush = () => {
    queue = queue.filter(waits);
  };
  const submit = (calls) => {
    queue.push(calls);
    flush();
    if (queue.length > places && queue.at(-1) == calls) refuse(queue.pop());
  };
  const invoke = (row, args, needs) => {
    const { params, streams, stream, notification, idempotent } = row;
    const options = args[params.length] ?? {};
    const { signal, timeout = defaults.timeout, onprogress } = options;
    let id;
    let sent = 0;
    let timer;
    let finish;
    let box;
    let opened;
    const close = () => {
      opened?.close();
      opened = void 0;
    };
    const settle = (failure2, value) => {
      if (call.over) return;
      call.over = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      close();
      finish(failure2, value);
    };
    const leave = (failure2) => {
      if (opened && link.v1) tell("cancel", { id });
      settle(failure2, true);
    };
    const abort = () => leave([signal.reason]);
    const call = {
      text: "",
      notification,
      streaming: stream || streams,
      needs,
      refuse: (error = new ClosedError(last, !!sent)) => settle([error]),
      begin() {
        sent++;
        if (notification) return settle();
        opened = scope((error, again) => {
          close();
          if (again && idempotent && !call.streaming && sent < MOST_SENT) queue.push([call]);
          else settle([error]);
        });
        const { listen } = opened;
        const at = json([id]);
        listen(id, ([result, error]) => {
          if (error == null && result !== void 0) settle(void 0, result);
          else settle([decodeError(result == null && error)]);
        });
        if (box)
          listen(`item${at}`, (items, size) => {
            clearTimeout(timer);
            box.push(items, size);
          });
        if (onprogress)
          listen(`progress${at}`, (values) => {
            if (values.length == 1) queueMicrotask(() => onprogress(values[0]));
          });
        for (const k of streams ?? []) {
          const at2 = [id, k];
          const [sent2, stop] = produce(link, opened, at2, "push", "want", args[k], FIRST);
          listen(`stop${json(at2)}`, stop);
          sent2.then(
            () => tell("done", at2),
            (error) => tell("done", [...at2, errorObject(error)])
          ).catch(() => tell("done", [...at2, errorObject(0)]));
        }
      }
    };
    const start = () => {
      signal?.throwIfAborted();
      if (!notification) id = ++lastId;
      call.text = textOf(row, args, id, onprogress);
      if (timeout < FOREVER)
        timer = setTimeout(() => leave([new DOMException("timeout", "TimeoutError")]), timeout);
      signal?.addEventListener("abort", abort);
      if (collected) collected.push(call);
      else submit([call]);
    };
    if (stream) {
      box = inbox(WINDOW, (totals) => tell("more", [id, ...totals]), leave, start);
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
  return [
    /** The stub of a table, whose calls go out from a phase on. */
    (table, needs) => {
      const rows = rowsOf(table);
      return new Proxy({}, {
        get: (_, key) => Object.hasOwn(rows, key) ? (...args) => invoke(rows[key], args, needs) : void 0
      });
    },
    /** Makes a batch. */
    (make) => {
      const calls = collected = [];
      try {
        return Promise.all(make());
      } finally {
        collected = void 0;
        submit(calls);
      }
    },
    /** Another phase, behind a connection that has ended so. */
    (now, close = last) => {
      last = close;
      phase = now;
      if (now == 1) {
        use = sender((to, grant) => heard.set(to, grant), "allow[]", NOTIFICATIONS, flush);
      }
      if (now < 0) {
        places = -1;
        refuse(queue.splice(0).flat());
      }
      flush();
    }
  ];
}

// src/serving.ts
var MOST_OPEN = 4096;
function handlersOf(served = []) {
  const handlers = /* @__PURE__ */ new Map();
  for (const table of served) {
    for (const [key, row] of Object.entries(rowsOf(table)))
      handlers.set(row.name, [row, (...args) => table.implementation[key](...args)]);
  }
  return handlers;
}
function servingOf(link, peer, handlers, refuse) {
  const { fit, heard, tell, v1 } = link;
  const count = receiver(NOTIFICATIONS, NOTIFICATIONS, (totals) => tell("allow", totals));
  let open = 0;
  const argumentsOf = (row, { id, params }, scope, cancel) => {
    const { params: names, style, optional, streams } = row;
    const wrong = (detail) => failure(-32602, "Invalid params", { detail });
    const values = style == "single" ? [params ?? void 0] : Array.isArray(params) ? params : names.map((name) => params?.[name]);
    if (values.slice(names.length).some((value) => value !== null)) throw wrong("too many");
    return names.map((name, i) => {
      const value = values[i];
      if (!streams?.includes(i)) {
        if (value === void 0 && !optional?.includes(i)) throw wrong(name);
        return value;
      }
      const k = value?.stream;
      const at = [id, k];
      const push = `push${json(at)}`;
      if (!isTotal(k) || k > 65535 || Object.keys(value).length > 1 || heard.has(push)) throw wrong(name);
      const box = inbox(
        FIRST,
        (totals) => tell("want", [...at, ...totals]),
        (failure2) => failure2 ? cancel(failure2[0]) : tell("stop", at)
      );
      scope.listen(push, box.push);
      scope.listen(
        `done${json(at)}`,
        (failure2) => box.end(failure2.length ? [decodeError(failure2[0])] : void 0)
      );
      scope.ends.push(() => box.end([cancelled()], true));
      return box.stream;
    });
  };
  const serve = async (request, valid, size, alone, reply) => {
    const { id, method, params, stream, progress } = request;
    const isRequest = id !== void 0;
    const many = open >= MOST_OPEN;
    const done = () => isRequest || v1 && count(0, 1, size);
    if (!isRequest) {
      reply();
      if (v1 && !count(1, 0, 0)) return refuse();
    }
    if (!many) done();
    const controller = new AbortController();
    let over;
    let reports = 0;
    const end = (members, reason) => {
      if (over) return;
      over = true;
      open--;
      close();
      if (reason) controller.abort(reason);
      if (many) done();
      if (!isRequest) return;
      try {
        reply(fit(message({ id, ...members })));
      } catch {
        reply(errorReply(id, 0));
      }
    };
    const cancel = (error) => end({ error: errorObject(error) }, error);
    const scope = link.scope(cancel);
    const { listen, close } = scope;
    open++;
    try {
      const at = json([id]);
      if (!valid || heard.has(`cancel${at}`)) throw invalid();
      if (v1 && method == "rpc.ping" && isRequest && params == null) return end({ result: null });
      if (many && (isRequest || !v1)) throw failure(-32005, "Limit exceeded", { served: false });
      const [row, run] = handlers.get(method) ?? [];
      if (!row) throw failure(-32601, "Method not found", { method: method.slice(0, 200) });
      if ((row.stream || row.streams) && !(v1 && alone && id != null && (!row.stream || areTotals(stream))))
        throw invalid();
      const args = argumentsOf(row, request, scope, cancel);
      if (id != null) listen(`cancel${at}`, () => cancel(cancelled()));
      const report = (value) => {
        const mine = ++reports;
        if (progress === true && v1 && id != null)
          Promise.resolve().then(() => over || mine < reports || tell("progress", [id, value])).catch(() => {
          });
      };
      let result = run(...args, { signal: controller.signal, peer, progress: report });
      if (row.stream) [result] = produce(link, scope, [id], "item", "more", result, stream);
      end({ result: await result ?? null });
    } catch (error) {
      end({ error: errorObject(error) });
    }
  };
  return (element, size, alone, reply) => {
    const { jsonrpc, id, method, params, result, error } = element ?? {};
    if (method === void 0) {
      const answer = typeof id == "number" && heard.get(id);
      if (answer) answer([result, error], size);
      if (answer || result !== void 0 || error !== void 0) return reply();
    }
    const named = /^[sn]/.test(typeof (id ?? ""));
    const valid = named && jsonrpc === "2.0" && typeof method == "string" && typeof (params ?? {}) == "object";
    if (!valid || id !== void 0 || !v1 || !method.startsWith("rpc."))
      return void serve(valid ? element : { id: named ? id ?? null : null }, valid, size, alone, reply);
    reply();
    const list = Array.isArray(params) ? params : [params?.id];
    try {
      for (let n = 0; n < 3; n++) heard.get(method.slice(4) + json(list.slice(0, n)))?.(list.slice(n), size);
    } catch {
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
  const open = /* @__PURE__ */ new Set();
  let socket;
  let serve;
  let timer;
  let silent = 0;
  let rubbish = 0;
  let failed = 0;
  let ended;
  const link = {
    v1: false,
    maxMessage,
    heard: /* @__PURE__ */ new Map(),
    send: (text) => socket?.send(text),
    fit(text) {
      if (bytesOf(text) > maxMessage) throw new RangeError("a message over maxMessage");
      return text;
    },
    tell(name, params, texts = []) {
      const text = message({ method: `rpc.${name}`, params });
      send(link.fit(texts[0] ? `${text.slice(0, -2)},${texts}]}` : text));
    },
    buffered: () => socket?.bufferedAmount,
    scope(lose) {
      const ends = [() => open.delete(lose)];
      open.add(lose);
      return {
        ends,
        listen(to, listener) {
          link.heard.set(to, listener);
          ends.push(() => link.heard.delete(to));
        },
        close() {
          for (const end of ends) end();
        }
      };
    }
  };
  const { send } = link;
  const [stub, batch, enter] = callsOf(link, options);
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
    const size = bytesOf(text);
    for (const element of elements) serve?.(element, size, alone, reply);
  };
  const set = (state) => {
    if (state != peer.state) for (const listener of listeners) queueMicrotask(() => listener(state));
    peer.state = state;
  };
  const lost = (code, reason, sent = 1e3) => {
    const close = { code, reason };
    const again = code != sent && reconnect !== false && AGAIN.includes(code);
    const closing = socket;
    socket = serve = void 0;
    clearInterval(timer);
    timer = void 0;
    closing?.close(sent, reason);
    enter(0, close);
    for (const lose of open) lose(new ClosedError(close, true), again);
    if (!again) enter(-1);
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
    if (serve) failed = 0;
    if (!serve || ++silent > 2 && link.v1) lost(1006, "the peer is silent");
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
      opening.onerror = () => socket == opening && !serve && lost(1006, "no connection");
      opening.onclose = ({ code, reason }) => socket == opening && lost(serve && code || 1006, reason);
      opening.onmessage = ({ data }) => socket == opening && receive(data);
      opening.onopen = async () => {
        if (socket != opening) return;
        link.v1 = (peer.protocol = opening.protocol) == "birpc.v1";
        serve = servingOf(
          link,
          direct,
          handlers,
          () => abandon(1008, "a notification without credit (rpc.allow)")
        );
        enter(1);
        try {
          await onconnect?.(direct);
        } catch {
          if (socket == opening) abandon(1011, "onconnect failed");
        }
        if (socket == opening) {
          set("open");
          enter(2);
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
    call: (table) => stub(table, 2),
    batch,
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
  const direct = { __proto__: peer, call: (table) => stub(table, 1) };
  events("add");
  void attempt();
  return peer;
}
export {
  ClosedError,
  RpcError,
  connect
};
