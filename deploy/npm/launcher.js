#!/usr/bin/env node
// Starts @PROGRAM@ of the package for this platform. Nothing is fetched.
"use strict";
const { spawn } = require("node:child_process");
const { constants } = require("node:os");

function program() {
  const name = `@mcpctl/${process.platform}-${process.arch}`;
  try {
    return require.resolve(`${name}/bin/@PROGRAM@`);
  } catch {
    console.error(`error: the package ${name} is not installed`);
    console.error(
      "hint: install mcpctl without --omit=optional; there are packages for glibc Linux and macOS, on x64 and arm64",
    );
    process.exit(1);
  }
}

function start(file) {
  const args = process.argv.slice(2);
  // Node takes itself out of the way where it can: signals and pipes are then the program's own.
  if (typeof process.execve === "function") {
    process.removeAllListeners("warning").on("warning", () => {});
    process.execve(file, [file, ...args], process.env);
  }
  const child = spawn(file, args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`error: ${file} cannot be started: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

start(program());
