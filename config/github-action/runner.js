// What the runner of GitHub Actions and an action say to each other: inputs, files, commands.

import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";

// An error whose text is for people: what is wrong and what mends it.
export class ActionError extends Error {}

export function input(name) {
  return (process.env[`INPUT_${name.toUpperCase()}`] ?? "").trim();
}

export function required(name) {
  const value = input(name);
  if (!value) throw new ActionError(`${name}: this input is required`);
  return value;
}

// Each line by itself, for a log shows lines; and before anything else could show it.
export function mask(secret) {
  for (const line of secret.split(/[\r\n]+/)) if (line) command("add-mask", line);
}

export function command(name, text) {
  const data = text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  process.stdout.write(`::${name}::${data}\n`);
}

export const setVariable = (name, value) => write("GITHUB_ENV", name, value);
export const setOutput = (name, value) => write("GITHUB_OUTPUT", name, value);

// Kept for the post step, which finds it in STATE_<name>.
export const saveState = (name, value) => write("GITHUB_STATE", name, value);
export const savedState = (name) => process.env[`STATE_${name}`] ?? "";

// A value may hold anything, so it ends at a word that nobody can have foreseen.
function write(file, name, value) {
  const path = process.env[file];
  if (!path) throw new ActionError(`${file} is not set: run this as an action`);
  const end = `end-${randomUUID()}`;
  appendFileSync(path, `${name}<<${end}\n${value}\n${end}\n`, { encoding: "utf8" });
}

// Run a step; what goes wrong is one error of the job and never a stack with values in it.
export async function run(step) {
  try {
    await step();
  } catch (error) {
    const text = error instanceof ActionError ? error.message : `${error.name}: unexpected`;
    command("error", text);
    process.exitCode = 1;
  }
}
