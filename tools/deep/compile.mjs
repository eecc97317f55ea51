// Compiles one request after another: a line of standard JSON in, a line of solc's answer out. Loading
// the compiler takes a second and its first run another; this pays both once. Sources that a request
// does not hold are read from the folder that is the one argument.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = process.argv[2];
const solc = createRequire(join(root, "tools", "solc"))("solc");
const read = new Map();

function contents(path) {
  if (!read.has(path)) read.set(path, readFileSync(join(root, path), "utf8"));
  return { contents: read.get(path) };
}

function find(path) {
  try {
    return contents(path);
  } catch (error) {
    return { error: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = solc.compile(line, { import: find });
  process.stdout.write(`${JSON.stringify(JSON.parse(answer))}\n`);
}
