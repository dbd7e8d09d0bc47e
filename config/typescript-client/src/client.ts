// The broker's API. `call` reaches every route, typed by the document; the rest are the usual ones by name.

import { randomUUID } from "node:crypto";

import type { Answer, Carried, Method, RouteOf, Schemas } from "./api.js";
import type { DpopKey } from "./dpop.js";
import { filled, parseBaseUrl, type TokenSource } from "./endpoint.js";
import { AnswerError } from "./errors.js";
import { type FeedMessage, type FeedOptions, followed } from "./feed.js";
import { sealed, type Sealed, Secret } from "./secret.js";
import { type Patience, send, streamed } from "./transport.js";

export type Task = Schemas["Task"];
export type OpenedTask = Sealed<Schemas["OpenedTask"]>;
export type OpenTaskBody = Schemas["OpenTaskBody"];
export type IssueBody = Schemas["IssueBody"];
export type IssuedCredential = Sealed<Schemas["IssuedCredential"]>;
export type Credential = Schemas["Credential"];
export type Report = Schemas["TaskReport"];
export type Outcome = "completed" | "failed" | "cancelled";

export interface Keyed {
  /** The same key with the same request has the effect of one. Without it a new one is made for this call. */
  readonly key?: string;
  readonly signal?: AbortSignal;
}

export interface ClientOptions extends Patience {
  /** The agent's own key: every credential that is asked for is then bound to it. */
  readonly key: DpopKey;
}

interface Loose {
  readonly path?: Record<string, string | number>;
  readonly query?: Record<string, unknown>;
  readonly body?: unknown;
  readonly form?: Record<string, string>;
  readonly key?: string;
  readonly signal?: AbortSignal;
}

const ENDS = { completed: "/v1/tasks/{task}/complete", failed: "/v1/tasks/{task}/fail", cancelled: "/v1/tasks/{task}/cancel" } as const;

/** What answers with a credential, and binds it to the key that the request proves. */
const BINDING: ReadonlySet<string> = new Set<RouteOf<"post">>([
  "/v1/tasks/{task}/credentials",
  "/v1/credentials/{credential}/renew",
  "/v1/approvals/{approval}/credential",
]);

export class BrokerClient {
  /** The agent's own key, if it has one. */
  readonly key: DpopKey | undefined;
  readonly #base: string;
  readonly #source: TokenSource;
  readonly #patience: Patience;

  /** Throws a TypeError where tokens must not be sent to that URL. */
  constructor(url: string, source: TokenSource, { timeoutMs = 10_000, patienceMs = 30_000, key }: Partial<ClientOptions> = {}) {
    if (!(timeoutMs > 0 && patienceMs > 0)) throw new TypeError("timeoutMs and patienceMs must be positive");
    this.#base = parseBaseUrl(url);
    this.#source = source;
    this.#patience = { timeoutMs, patienceMs };
    this.key = key;
  }

  /** Call any route. Refusals are thrown as BrokerProblem. */
  async call<M extends Method, R extends RouteOf<M>>(method: M, route: R, carried: Carried<M, R>): Promise<Answer<M, R>> {
    const { path, query = {}, body, form, key, signal } = carried as Loose;
    const url = `${this.#base}${filled(route, path)}${searched(query)}`;
    const text = form ? new URLSearchParams(form).toString() : body === undefined ? undefined : JSON.stringify(body);
    const contentType = text === undefined ? undefined : form ? "application/x-www-form-urlencoded" : "application/json";
    const waitMs = (Number(query["wait"]) || 0) * 1_000;
    const proves = method === "post" && BINDING.has(route) ? this.key : undefined;
    const sent = { method: method.toUpperCase(), url, body: text, contentType, key, signal, waitMs, proves };
    const answer = await send(this.#source, sent, this.#patience);
    return { status: answer.status, body: sealed(answer.body) } as Answer<M, R>;
  }

  async openTask(body: OpenTaskBody, { key = randomUUID(), ...more }: Keyed = {}): Promise<OpenedTask> {
    return (await this.call("post", "/v1/tasks", { body, key, ...more })).body;
  }

  async showTask(task: string, signal?: AbortSignal): Promise<Task> {
    return (await this.call("get", "/v1/tasks/{task}", { path: { task }, ...when(signal) })).body;
  }

  async claimTask(task: string, handle: Secret, signal?: AbortSignal): Promise<Task> {
    const body = { handle: handle.reveal() };
    return (await this.call("post", "/v1/tasks/{task}/claim", { path: { task }, body, ...when(signal) })).body;
  }

  async beat(task: string, signal?: AbortSignal): Promise<Task> {
    return (await this.call("post", "/v1/tasks/{task}/heartbeat", { path: { task }, body: {}, ...when(signal) })).body;
  }

  /** End a task and all below it. Ending twice is harmless; the first ending stands. */
  async endTask(task: string, outcome: Outcome, reason?: string, signal?: AbortSignal): Promise<Report> {
    const body = reason ? { reason } : {};
    return (await this.call("post", ENDS[outcome], { path: { task }, body, ...when(signal) })).body;
  }

  /** What became of every credential of a task: the first page. */
  async report(task: string, signal?: AbortSignal): Promise<Report> {
    return (await this.call("get", "/v1/tasks/{task}/report", { path: { task }, ...when(signal) })).body;
  }

  /** Ask for a credential. Where people have to agree first, that is an AnswerError: use `call`. */
  async issue(task: string, body: IssueBody, { key = randomUUID(), ...more }: Keyed = {}): Promise<IssuedCredential> {
    const answer = await this.call("post", "/v1/tasks/{task}/credentials", { path: { task }, body, key, ...more });
    if (answer.status === 201) return answer.body;
    throw new AnswerError(`people have to agree first: the approval ${answer.body.id}`);
  }

  async renew(credential: string, body: Schemas["RenewBody"] = {}, { key = randomUUID(), ...more }: Keyed = {}): Promise<IssuedCredential> {
    return (await this.call("post", "/v1/credentials/{credential}/renew", { path: { credential }, body, key, ...more })).body;
  }

  async giveBack(credential: string, signal?: AbortSignal): Promise<void> {
    await this.call("delete", "/v1/credentials/{credential}", { path: { credential }, ...when(signal) });
  }

  /** Ask, as a resource server, whether a token is alive (RFC 7662). */
  async introspect(token: Secret, signal?: AbortSignal): Promise<Schemas["Introspection"]> {
    const form = { token: token.reveal() };
    return (await this.call("post", "/oauth/introspect", { form, ...when(signal) })).body;
  }

  /** Follow the feed, as a resource server: what must be refused from now on, until the signal is aborted. */
  feed(options: FeedOptions): AsyncGenerator<FeedMessage> {
    return followed((query, signal) => streamed(this.#source, `${this.#base}/v1/feed${searched(query)}`, signal), options);
  }
}

function searched(query: Readonly<Record<string, unknown>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) search.set(name, String(value));
  }
  return search.size === 0 ? "" : `?${search}`;
}

function when(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
