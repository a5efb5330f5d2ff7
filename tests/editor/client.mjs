// A small client of the language server: SERVER SCHEMAS PROJECT.
import { spawn } from "node:child_process";
import { readFileSync, readdirSync, existsSync } from "node:fs";
import { join } from "node:path";

const [server, schemas, project] = process.argv.slice(2);
const child = spawn(server, ["--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const asked = new Map(), diagnostics = new Map();
let number = 0, buffer = Buffer.alloc(0);

const settings = {
  schemas: {
    [`file://${schemas}/playbook.json`]: ["site.yml", "**/playbooks/*.yml"],
    [`file://${schemas}/tasks.json`]: ["**/tasks/*.yml", "**/handlers/*.yml"],
    [`file://${schemas}/inventory.json`]: ["**/inventory/*.yml"],
    [`file://${schemas}/role-inputs.json`]: ["**/meta/inputs.yml"],
    [`file://${schemas}/vars.json`]: ["**/group_vars/**/*.yml", "**/host_vars/**/*.yml", "**/defaults/*.yml", "**/roles/*/vars/*.yml"],
  },
  customTags: ["!vault scalar", "!unsafe scalar", "!secret mapping"],
  schemaStore: { enable: false },
  validate: true, completion: true, hover: true,
};

function send(message) {
  const text = JSON.stringify({ jsonrpc: "2.0", ...message });
  child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}
function ask(method, params) {
  const id = ++number;
  send({ id, method, params });
  return new Promise((done) => asked.set(id, done));
}
child.stdout.on("data", (data) => {
  buffer = Buffer.concat([buffer, data]);
  for (;;) {
    const end = buffer.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, end).toString())[1]);
    if (buffer.length < end + 4 + length) return;
    const message = JSON.parse(buffer.subarray(end + 4, end + 4 + length));
    buffer = buffer.subarray(end + 4 + length);
    if (message.method === "workspace/configuration") {
      send({ id: message.id, result: message.params.items.map((item) => (item.section === "yaml" ? settings : {})) });
    } else if (message.method === "textDocument/publishDiagnostics") {
      const waiting = diagnostics.get(message.params.uri);
      if (waiting) waiting(message.params.diagnostics);
    } else if (message.method && message.id !== undefined) {
      send({ id: message.id, result: null });
    } else if (asked.has(message.id)) {
      asked.get(message.id)(message.result);
    }
  }
});
function open(path, text) {
  const uri = `file://${path}`;
  const told = new Promise((done) => diagnostics.set(uri, done));
  send({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId: "yaml", version: 1, text } } });
  return told;
}
async function offered(path, line, character) {
  const result = await ask("textDocument/completion", { textDocument: { uri: `file://${path}` }, position: { line, character } });
  return (result?.items ?? result ?? []).map((item) => item.label);
}

let wrong = 0;
const expect = (what, holds, said) => {
  if (!holds) { wrong += 1; console.log(`WRONG ${what}: ${JSON.stringify(said)}`); } else console.log(`ok    ${what}`);
};
await ask("initialize", {
  processId: process.pid, rootUri: `file://${project}`,
  capabilities: { workspace: { configuration: true, didChangeConfiguration: { dynamicRegistration: true } }, textDocument: { completion: {}, hover: {} } },
});
send({ method: "initialized", params: {} });
send({ method: "workspace/didChangeConfiguration", params: { settings: { yaml: settings } } });
await new Promise((done) => setTimeout(done, 1000));

function* yaml(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* yaml(path);
    else if (path.endsWith(".yml") && !readFileSync(path, "utf8").startsWith("$ANSIBLE_VAULT")) yield path;
  }
}
for (const folder of ["playbooks", "roles", "inventory"].map((name) => join(project, name)).filter(existsSync)) {
  for (const path of yaml(folder)) {
    if (/\/(templates|files)\//.test(path)) continue;
    const said = await open(path, readFileSync(path, "utf8"));
    expect(`${path.slice(project.length + 1)} is accepted`, said.length === 0, said.map((one) => one.message));
  }
}
const mistakes = [
  ["/x/playbooks/a.yml", "- hosts: web\n  taks: []\n", 1, /taks/],
  ["/x/roles/r/tasks/b.yml", "- name: x\n  copy:\n    dest: /x\n    contnet: y\n", 3, /contnet/],
  ["/x/roles/r/tasks/c.yml", "- name: x\n  service: {name: a, state: strated}\n", 1, /./],
  ["/x/inventory/d.yml", "all:\n  host:\n    a:\n", 1, /host/],
  ["/x/roles/r/meta/inputs.yml", "port: {type: prot}\n", 0, /./],
];
for (const [path, text, line, message] of mistakes) {
  const said = await open(path, text);
  const found = said.some((one) => one.range.start.line === line && message.test(one.message));
  expect(`${path}: the mistake is marked in line ${line + 1}`, found, said.map((one) => [one.range.start.line + 1, one.message]));
}
const own = "/x/elsewhere.yml";
const comment = `# yaml-language-server: $schema=file://${schemas}/playbook.json\n- hosts: web\n  taks: []\n`;
const said = await open(own, comment);
expect("the comment in the first line chooses the schema", said.some((one) => /taks/.test(one.message)), said);

const typing = "/x/roles/r/tasks/e.yml";
await open(typing, "- name: x\n  cop\n- name: y\n  copy:\n    de\n- name: z\n  service:\n    state: \n");
const keys = await offered(typing, 1, 5);
expect("types are offered as keys of a task", keys.includes("copy") && keys.includes("when"), keys.slice(0, 20));
const parameters = await offered(typing, 4, 6);
expect("parameters are offered", parameters.includes("dest") && parameters.includes("owner"), parameters);
const words = await offered(typing, 7, 11);
expect("the words of a parameter are offered", words.includes("started"), words);
const hover = await ask("textDocument/hover", { textDocument: { uri: `file://${typing}` }, position: { line: 3, character: 3 } });
expect("documentation is shown", /Writes a file/.test(JSON.stringify(hover)), hover);
child.kill();
console.log(wrong === 0 ? "all as wanted" : `${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
