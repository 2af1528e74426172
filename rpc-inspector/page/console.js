// Calls of the chosen peer, with forms from the contract if there is one.

/** The methods of peers in the contract, by name. Methods with streams cannot be called from here. */
function described() {
  const methods = about.contract?.["x-client"]?.methods;
  const hasStream = (method) => method["x-stream"] || method.params?.some((param) => param["x-stream"]);
  return new Map((Array.isArray(methods) ? methods : []).filter((method) => !hasStream(method)).map((it) => [it.name, it]));
}

/** A schema without its reference. */
function resolved(schema) {
  for (let depth = 0; depth < 8 && typeof schema?.$ref === "string"; depth += 1) {
    schema = about.contract.components?.schemas?.[schema.$ref.split("/").at(-1)];
  }
  return schema ?? {};
}

/** The input of a param, and what makes its text a value. */
function field(param) {
  const schema = resolved(param.schema);
  const label = `${param.name}${param.required ? "" : " (optional)"}`;
  const isText = schema.type === "string" && !schema.enum;
  const choices = schema.type === "boolean" ? [true, false] : schema.enum;
  const input = choices
    ? element("select", {},
      ...(param.required ? [] : [element("option", { value: "" }, "–")]),
      ...choices.map((choice) => element("option", { value: JSON.stringify(choice) }, String(choice))))
    : element("input", {
      type: param["x-sensitive"] ? "password" : schema.type === "integer" || schema.type === "number" ? "number" : "text",
      step: schema.type === "number" ? "any" : false,
      required: Boolean(param.required) && !isText,
      placeholder: isText ? "" : schema.title ?? schema.type ?? "JSON",
      autocomplete: "off",
      spellcheck: "false",
    });
  const value = () => {
    if (input.value === "" && !(isText && param.required)) return undefined;
    return isText ? input.value : JSON.parse(input.value);
  };
  return { name: param.name, value, row: element("label", {}, label, input) };
}

let fields;

/** Shows the form of the method whose name is in the first field. */
function showForm() {
  const method = described().get($("console-method").value.trim());
  fields = method?.params?.map(field);
  $("console-raw").hidden = Boolean(fields);
  $("console-fields").replaceChildren(...(fields ?? []).map(({ row }) => row));
  $("console-about").textContent = method?.summary ?? method?.description ?? "";
}

function showConsole() {
  $("console").hidden = !about.calls;
  $("console-result").textContent = "";
  $("console-methods").replaceChildren(...[...described().keys()].map((name) => element("option", { value: name })));
  showForm();
}

/** The params that the form has. */
function params(method) {
  if (!fields) {
    const text = $("console-params").value.trim();
    return text ? JSON.parse(text) : null;
  }
  const values = fields.map(({ value }) => value());
  if (method.paramStructure === "by-name") {
    return Object.fromEntries(fields.map(({ name }, at) => [name, values[at]]).filter(([, value]) => value !== undefined));
  }
  while (values.length && values.at(-1) === undefined) values.pop();
  return values.length ? values.map((value) => value ?? null) : null;
}

$("console-method").addEventListener("input", showForm);
$("console").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [result, id, name] = [$("console-result"), chosenPeer, $("console-method").value.trim()];
  const method = described().get(name);
  const show = (kind, text) => {
    if (id !== chosenPeer) return;
    result.className = kind;
    result.textContent = text;
  };
  show("muted", "…");
  try {
    const send = method && !method.result ? inspect.notify : inspect.call;
    const answer = await send(id, name, params(method), { timeout: 30_000 });
    show("", method && !method.result ? "sent" : JSON.stringify(answer));
  } catch (error) {
    show("bad", error.code === undefined ? error.message : `${error.code} ${error.message}`);
  }
});
$("console-disconnect").addEventListener("click", () => {
  void inspect.close(chosenPeer).catch((error) => { $("console-result").textContent = error.message; });
});

/** Keeps lists and panel current. */
async function refresh() {
  for (;;) {
    await Promise.allSettled([list(), groups(), facts()]);
    await pause(1000);
  }
}
void refresh();
