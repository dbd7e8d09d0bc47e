// Sends requests, and repeats those that it is safe to repeat.
//
// - What never left (connection refused, unknown host) did nothing: it is sent again.
// - Where the answer was lost, or the broker asks to repeat later, only that is sent again which has the effect of
//   being sent once: a GET, a DELETE, or what carries an idempotency key, and then with the same key.
// - A refusal that asks for a proof with a nonce (RFC 9449 §8) is answered once, by a new proof with it.
// - Redirects are refused: the token would go along. No answer is read beyond a bound.

import { setTimeout as sleep } from "node:timers/promises";

import type { DpopKey } from "./dpop.js";
import { authorization, type TokenSource } from "./endpoint.js";
import { AnswerError, BrokerError, BrokerProblem, BrokerUnreachable } from "./errors.js";

const ATTEMPTS = 4;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;
const MAX_ANSWER_BYTES = 1_048_576;
const NEVER_LEFT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);

export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long the broker may hold its answer back; that much longer it may take. */
  readonly waitMs: number;
  /** The key that the answer shall be bound to. */
  readonly proves?: DpopKey | undefined;
}

export interface Answered {
  readonly status: number;
  readonly body: unknown;
}

export interface Patience {
  /** How long one try may take. */
  readonly timeoutMs: number;
  /** How long all tries of one request may take together, pauses included. */
  readonly patienceMs: number;
}

/** Send a request, again where that is safe. Throws a BrokerError, or the reason of the caller's signal. */
export async function send(source: TokenSource, sent: Sent, patience: Patience): Promise<Answered> {
  const endsAt = performance.now() + patience.patienceMs + sent.waitMs;
  for (let attempt = 1; ; attempt += 1) {
    const left = endsAt - performance.now();
    try {
      return await sendProven(source, sent, Math.max(1, Math.min(patience.timeoutMs + sent.waitMs, left)));
    } catch (error) {
      const pause = Math.max(pauseBefore(attempt), (retryAfter(error) ?? 0) * 1_000);
      const isLast = attempt === ATTEMPTS || performance.now() + pause >= endsAt;
      if (isLast || !maySendAgain(sent, error)) throw error;
      await paused(pause, sent.signal);
    }
  }
}

function maySendAgain(sent: Sent, error: unknown): boolean {
  if (error instanceof BrokerUnreachable && !error.mayHaveActed) return true;
  const isRepeatable = sent.method === "GET" || sent.method === "DELETE" || sent.key !== undefined;
  if (!isRepeatable) return false;
  return error instanceof BrokerUnreachable || (error instanceof BrokerProblem && error.isTemporary);
}

function retryAfter(error: unknown): number | undefined {
  return error instanceof BrokerProblem ? error.retryAfter : undefined;
}

/** Full jitter: anything up to a bound that doubles, so that no herd comes back at once. */
export function pauseBefore(attempt: number, firstMs = FIRST_DELAY_MS): number {
  return Math.random() * Math.min(firstMs * 2 ** (attempt - 1), LONGEST_DELAY_MS);
}

/** Wait. Throws the reason of the signal when that is aborted meanwhile. */
export async function paused(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

async function sendProven(source: TokenSource, sent: Sent, timeoutMs: number): Promise<Answered> {
  try {
    return await sendOnce(source, sent, timeoutMs);
  } catch (error) {
    const isWanting = sent.proves && error instanceof BrokerProblem && error.code === "use_dpop_nonce";
    if (!isWanting) throw error; // what asks for a nonce was refused before anything was done, so any call may come again
    return await sendOnce(source, sent, timeoutMs);
  }
}

async function sendOnce(source: TokenSource, sent: Sent, timeoutMs: number): Promise<Answered> {
  sent.signal?.throwIfAborted();
  const headers: Record<string, string> = { Accept: "application/json", Authorization: await authorization(source) };
  if (sent.contentType !== undefined) headers["Content-Type"] = sent.contentType;
  if (sent.key !== undefined) headers["Idempotency-Key"] = sent.key;
  if (sent.proves) headers["DPoP"] = await sent.proves.proof(sent.method, sent.url);
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = sent.signal ? AbortSignal.any([sent.signal, timeout]) : timeout;
  try {
    const answer = await fetch(sent.url, { method: sent.method, headers, body: sent.body ?? null, redirect: "error", signal });
    sent.proves?.heed(sent.url, answer.headers);
    const text = await bounded(answer, signal);
    if (!answer.ok) throw new BrokerProblem(answer.status, parsed(text), answer.headers.get("Retry-After"));
    return { status: answer.status, body: answer.status === 204 ? undefined : good(answer, text) };
  } catch (error) {
    sent.signal?.throwIfAborted();
    throw error instanceof BrokerError ? error : unreachable(error);
  }
}

/** Open a stream of events. It is read until the signal is aborted. */
export async function streamed(source: TokenSource, url: string, signal: AbortSignal): Promise<Response> {
  const headers = { Accept: "text/event-stream", Authorization: await authorization(source) };
  const answer = await fetch(url, { headers, redirect: "error", signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw unreachable(error);
  });
  if (!answer.ok) throw new BrokerProblem(answer.status, parsed(await bounded(answer, signal)), answer.headers.get("Retry-After"));
  if (answer.status !== 200 || mediaType(answer) !== "text/event-stream") throw new AnswerError("the answer is no stream of events");
  return answer;
}

// The error of fetch is not kept as a cause: what it quotes is not ours to show.
function unreachable(error: unknown): BrokerError {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && cause.message === "unexpected redirect") {
    return new AnswerError("a redirect came and was not followed");
  }
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (NEVER_LEFT.has(code)) return new BrokerUnreachable(`not connected: ${code}`, false);
  return new BrokerUnreachable(`no answer: ${code || (error instanceof Error ? error.name : typeof error)}`, true);
}

/**
 * Yield a body's chunks; throws the signal's reason as soon as that is aborted. The signal that fetch was given is not
 * enough: once the head is there, Node 20 may have collected what listens to it.
 */
export async function* chunks(answer: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = answer.body?.getReader();
  if (!reader) return;
  const cut = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", cut, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", cut);
    cut();
  }
}

async function bounded(answer: Response, signal: AbortSignal): Promise<string> {
  const read: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks(answer, signal)) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new AnswerError(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    read.push(chunk);
  }
  return Buffer.concat(read).toString("utf8");
}

function good(answer: Response, text: string): unknown {
  const body = parsed(text);
  if (mediaType(answer) !== "application/json" || body === undefined) throw new AnswerError("the answer is not application/json");
  return body;
}

const mediaType = (answer: Response): string | undefined => answer.headers.get("Content-Type")?.split(";")[0]?.trim();

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
