// The feed of revocations, for resource servers: what is dead, as it dies (server-sent events, docs/architecture.md).
//
// - Each message follows from the one before. After one that does not (something between is missing, the ledger has
//   begun another life) everything is told again, by a snapshot: no event is skipped.
// - It goes on for ever: after a break it connects again, from where it was. Whoever reads it decides how old the last
//   `alive` may be before nothing is let in any more.
// - What is not understood is an error and no message: an event that was passed over would be a token let in.

import { BrokerError } from "./errors.js";
import { chunks, pauseBefore, paused } from "./transport.js";

const MOST_BYTES = 1_048_576;
const LINE_END = /\r\n|\n|\r(?!$)/;

/** How far it has come: a number of the feed log, in one life of the ledger. */
export interface Position {
  readonly epoch: string;
  readonly seq: number;
}

/** What is dead: one token, a task with all below it, or all that was issued before an instant. Forget it after `exp`. */
export type Denial = { readonly exp: number } & (
  | { readonly jti: string }
  | { readonly task: string }
  | { readonly cut: { readonly of: string; readonly issued_before: number; readonly name?: string; readonly tenant?: string } }
);

export type FeedMessage =
  /** All that is in force, page by page; with `first` it begins. What was known before stays dead. */
  | { readonly type: "snapshot"; readonly at: Position; readonly events: readonly Denial[]; readonly first: boolean; readonly more: boolean }
  /** What has died since. */
  | { readonly type: "frame"; readonly at: Position; readonly events: readonly Denial[] }
  /** The ledger was read at that instant (milliseconds), and all up to there has been told. */
  | { readonly type: "alive"; readonly at: Position; readonly readAt: number };

/** The feed broke off or cannot be understood. Nothing needs to be done: it is connected to again. */
export class FeedError extends BrokerError {}

export interface FeedOptions {
  /** This process's own name, unlike any other's: 8 to 64 of a-z, 0-9 and `-`. */
  readonly subscriber: string;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** A connection that says nothing for so long is given up. */
  readonly silenceMs?: number;
  /** Is told why it broke off. */
  readonly onBreak?: (why: BrokerError) => void;
}

/** Opens one connection: the query says from where. */
export type Connect = (query: Record<string, string>, signal: AbortSignal) => Promise<Response>;

/** Yield messages in their order until the signal is aborted; then it returns. */
export async function* followed(connect: Connect, { subscriber, signal, silenceMs = 5_000, onBreak }: FeedOptions): AsyncGenerator<FeedMessage> {
  if (!/^[a-z0-9-]{8,64}$/.test(subscriber)) throw new TypeError("subscriber: write 8 to 64 of a-z, 0-9 and '-'");
  const order = new Order();
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      for await (const message of connected(connect, { subscriber, ...order.from }, signal, silenceMs)) {
        yield order.checked(message);
        if (message.type === "alive") failures = 0;
      }
    } catch (error) {
      if (signal.aborted) return;
      onBreak?.(error instanceof BrokerError ? error : new FeedError(`it broke off: ${error instanceof Error ? error.name : typeof error}`));
    }
    await paused(pauseBefore(failures), signal).catch(() => undefined);
  }
}

type Told = Exclude<FeedMessage, { type: "snapshot" | "frame" }> | Omit<FeedMessage & { type: "snapshot" }, "first"> | (FeedMessage & { type: "frame"; prev: number });

/** Holds each message to what came before it. */
class Order {
  #at: Position | undefined;
  #loading: Position | undefined;

  /** From where to connect; half a snapshot does not count. */
  get from(): Record<string, string> {
    this.#loading = undefined;
    return this.#at ? { after: String(this.#at.seq), epoch: this.#at.epoch } : {};
  }

  checked(message: Told): FeedMessage {
    if (message.type === "snapshot") return this.#snapshot(message);
    const at = this.#at;
    if (message.type === "alive" && (!at || this.#loading)) return message;
    if (!at || this.#loading) return this.#lost("a frame came before the end of a snapshot");
    if (message.at.epoch !== at.epoch) return this.#lost("the ledger has begun another life");
    if (message.type === "alive") return message.at.seq < at.seq ? this.#lost("the ledger's feed went back") : message;
    if (message.prev > at.seq) return this.#lost("frames are missing");
    if (message.at.seq > at.seq) this.#at = message.at;
    const { type, events } = message;
    return { type, at: message.at, events };
  }

  #snapshot(page: Told & { type: "snapshot" }): FeedMessage {
    const first = this.#loading === undefined;
    if (this.#loading && (this.#loading.seq !== page.at.seq || this.#loading.epoch !== page.at.epoch)) {
      return this.#lost("a snapshot changed its position midway");
    }
    [this.#loading, this.#at] = page.more ? [page.at, undefined] : [undefined, page.at];
    return { ...page, first };
  }

  #lost(why: string): never {
    this.#at = this.#loading = undefined;
    throw new FeedError(why);
  }
}

async function* connected(connect: Connect, query: Record<string, string>, signal: AbortSignal, silenceMs: number): AsyncGenerator<Told> {
  const cut = new AbortController();
  const ended = (): void => cut.abort(signal.reason);
  const timer = setTimeout(() => cut.abort(new FeedError(`nothing came for ${silenceMs} ms`)), silenceMs);
  signal.addEventListener("abort", ended, { once: true });
  try {
    const reader = new Lines();
    for await (const chunk of chunks(await connect(query, cut.signal), cut.signal)) {
      timer.refresh();
      for (const [type, data] of reader.events(chunk)) {
        const message = understood(type, data);
        if (message) yield message;
      }
    }
    throw new FeedError("the broker ended the stream");
  } finally {
    signal.removeEventListener("abort", ended);
    clearTimeout(timer);
  }
}

/** Reads events out of chunks that may be cut anywhere. */
class Lines {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #rest = "";
  #type = "";
  #data: string[] = [];
  #size = 0;

  *events(chunk: Uint8Array): Generator<readonly [string, string]> {
    this.#rest += this.#decoder.decode(chunk, { stream: true });
    const lines = this.#rest.split(LINE_END);
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length + this.#size > MOST_BYTES) throw new FeedError("an event of the stream is too big");
    for (const line of lines) {
      if (line !== "") this.#field(line);
      else if (this.#data.length > 0) yield this.#taken();
    }
  }

  #field(line: string): void {
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    this.#size += line.length;
    if (this.#size > MOST_BYTES) throw new FeedError("an event of the stream is too big");
    if (name === "event") this.#type = value;
    if (name === "data") this.#data.push(value);
  }

  #taken(): readonly [string, string] {
    const event = [this.#type, this.#data.join("\n")] as const;
    [this.#type, this.#data, this.#size] = ["", [], 0];
    return event;
  }
}

/** Read one message; undefined for a type that this version does not know. */
function understood(type: string, data: string): Told | undefined {
  if (type !== "snapshot" && type !== "frame" && type !== "alive") return undefined;
  const told: unknown = JSON.parse(data);
  if (!isObject(told)) throw new FeedError(`a ${type} message is not understood`);
  const at = { epoch: String(told["epoch"]), seq: whole(told["seq"]) };
  if (type === "alive") return { type, at, readAt: whole(told["read_at"]) };
  if (!Array.isArray(told["events"])) throw new FeedError(`a ${type} message is not understood`);
  const events = told["events"].map(denial);
  if (type === "frame") return { type, at, events, prev: whole(told["prev"]) };
  if (typeof told["more"] !== "boolean") throw new FeedError("a snapshot message is not understood");
  return { type, at, events, more: told["more"] };
}

function denial(told: unknown): Denial {
  const kinds = isObject(told) ? ["jti", "task", "cut"].filter((kind) => told[kind] !== undefined && told[kind] !== null) : [];
  if (!isObject(told) || kinds.length !== 1 || Object.keys(told).some((name) => !["exp", ...kinds].includes(name) && told[name] !== null)) {
    throw new FeedError("an event is not exactly one of jti, task and cut");
  }
  const [kind] = kinds;
  const isRight = kind === "cut" ? isObject(told["cut"]) && whole(told["cut"]["issued_before"]) >= 0 : typeof told[kind ?? ""] === "string";
  if (!isRight || whole(told["exp"]) === 0) throw new FeedError("an event is not understood");
  return told as unknown as Denial;
}

function whole(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw new FeedError("a number of a message is none");
  return value;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
