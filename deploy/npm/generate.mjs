#!/usr/bin/env node
// Makes the npm packages from built programs: `mcpctl`, and one package for each platform, of which npm installs the one
// that fits (`os`, `cpu`, `libc`). No package has a script that runs at installation, and nothing is fetched at run time.
//
//   deploy/npm/generate.mjs --version 0.1.0 --out DIR linux-x64=FOLDER [linux-arm64=FOLDER …]
//
// A FOLDER holds mcpctl, mcp-gateway and mcpd. `npm publish` the platforms first, then `mcpctl`.
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const PROGRAMS = ["mcpctl", "mcp-gateway", "mcpd"];
const PLATFORMS = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

function common(version) {
  return { version, license: "Apache-2.0", engines: { node: ">=20" }, files: ["bin"] };
}

function write(folder, manifest, readme) {
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(folder, "README.md"), readme);
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
}

function platform(out, version, name, programs) {
  const [os, cpu] = name.split("-");
  const folder = join(out, name);
  const manifest = {
    name: `@mcpctl/${name}`,
    description: `The programs of mcpctl for ${os} on ${cpu}; install \`mcpctl\``,
    ...common(version),
    os: [os],
    cpu: [cpu],
    // The programs are linked with glibc.
    ...(os === "linux" ? { libc: ["glibc"] } : {}),
    preferUnplugged: true,
  };
  write(folder, manifest, `The programs of mcpctl for ${os} on ${cpu}. Install \`mcpctl\`, which brings this package along.\n`);
  for (const program of PROGRAMS) {
    copyFileSync(join(programs, program), join(folder, "bin", program));
    chmodSync(join(folder, "bin", program), 0o755);
  }
}

function wrapper(out, version, names) {
  const folder = join(out, "mcpctl");
  const manifest = {
    name: "mcpctl",
    description: "MCP servers behind one filtering gateway",
    ...common(version),
    type: "commonjs",
    bin: Object.fromEntries(PROGRAMS.map((program) => [program, `bin/${program}.js`])),
    optionalDependencies: Object.fromEntries(names.map((name) => [`@mcpctl/${name}`, version])),
  };
  write(folder, manifest, readFileSync(join(here, "README.md"), "utf8"));
  const launcher = readFileSync(join(here, "launcher.js"), "utf8");
  for (const program of PROGRAMS) {
    const file = join(folder, "bin", `${program}.js`);
    writeFileSync(file, launcher.replaceAll("@PROGRAM@", program));
    chmodSync(file, 0o755);
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { version: { type: "string" }, out: { type: "string" } },
});
const given = positionals.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
const unknown = given.map(([name]) => name).filter((name) => !PLATFORMS.includes(name));
if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(values.version ?? "") || !values.out || given.length === 0 || unknown.length > 0) {
  console.error(`usage: generate.mjs --version X.Y.Z --out DIR PLATFORM=FOLDER…; platforms: ${PLATFORMS.join(", ")}`);
  process.exit(2);
}
rmSync(values.out, { recursive: true, force: true });
for (const [name, programs] of given) platform(values.out, values.version, name, programs);
wrapper(values.out, values.version, given.map(([name]) => name));
