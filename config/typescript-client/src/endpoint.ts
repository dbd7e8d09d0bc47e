// Where the broker is, and who calls. Requests carry a workload token: TLS except on this machine.

import { readFile } from "node:fs/promises";

import { TokenSourceError } from "./errors.js";
import { Secret } from "./secret.js";

/** Returns a workload token that is good now. It is asked before every request, and for every repeat. */
export type TokenSource = () => string | Secret | Promise<string | Secret>;

const LOOPBACK = /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/;
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/; // RFC 6750 §2.1
const SEGMENT = /\{([a-z_]+)\}/g;

/** A source that reads the file each time, because a projected volume rotates it. */
export function tokenFile(path: string): TokenSource {
  return async () => (await readFile(path, "ascii")).trim();
}

/** Read the address of a broker. Throws a TypeError that says what to write instead. */
export function parseBaseUrl(text: string): string {
  if (!URL.canParse(text)) throw new TypeError("the broker's URL must be absolute: https://host");
  const url = new URL(text);
  if (url.username || url.password || url.search || url.hash) {
    throw new TypeError("the broker's URL must have no user, query or fragment");
  }
  const isSafe = url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));
  if (!isSafe) throw new TypeError("the broker's URL must be https: a token would travel in clear text");
  return url.href.replace(/\/+$/, "");
}

/** Fill a route's path. Each value stays one segment: a slash within it is escaped, and dots are refused. */
export function filled(route: string, values: Readonly<Record<string, string | number>> = {}): string {
  return route.replace(SEGMENT, (_, name: string) => {
    const value = String(values[name] ?? "");
    if (value === "" || value === "." || value === "..") throw new TypeError(`${name}: give one, such as an id that the broker gave you`);
    return encodeURIComponent(value);
  });
}

/** Ask a source for the header that says who calls. */
export async function authorization(source: TokenSource): Promise<string> {
  let token: string | Secret;
  try {
    token = await source();
  } catch (error) {
    throw new TokenSourceError(`the token source failed: ${error instanceof Error ? error.name : typeof error}`);
  }
  const text = token instanceof Secret ? token.reveal() : token;
  if (typeof text !== "string" || !TOKEN.test(text)) throw new TokenSourceError("the token source returned no token");
  return `Bearer ${text}`;
}
